"""Requests to an S3 gateway, signed with version 4 of its signatures, for smoke checks."""

import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

REGION = "us-east-1"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """Who asks."""

    id: str
    """The access key's id."""
    secret: str = dataclasses.field(repr=False)
    """Its secret."""


def signed(method: str, host: str, path: str, content: bytes, key: Key) -> Mapping[str, str]:
    """Return the headers of a request without a query, beside Host; `path` is quoted already."""
    now = datetime.now(UTC)
    digest = hashlib.sha256(content).hexdigest()
    headers = {
        "host": host,
        "x-amz-content-sha256": digest,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    canonical = "\n".join([method, path, "", *lines, "", names, digest])
    scope = f"{now:%Y%m%d}/{REGION}/s3/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashed}"
    step = f"AWS4{key.secret}".encode()
    for part in scope.split("/"):
        step = hmac.new(step, part.encode(), "sha256").digest()
    signature = hmac.new(step, text.encode(), "sha256").hexdigest()
    credential = f"Credential={key.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    shown = {name: value for name, value in headers.items() if name != "host"}
    return {**shown, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}
