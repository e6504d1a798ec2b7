"""Signatures of version 4: a chain of HMACs over what a request asks for."""

import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from starlette.requests import Request

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<scope>[^,]+),\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
SKEW = timedelta(minutes=15)


class SignatureError(ValueError):
    """Says why a request's signature is not taken."""


def check(request: Request, content: bytes, keys: Mapping[str, str]) -> None:
    """Refuse a request that no known key has signed, or not just as it is, or not just now.

    Raises:
        SignatureError: with what is wrong.
    """
    found = _SIGNED.fullmatch(request.headers.get("authorization", ""))
    if not found or found["id"] not in keys:
        msg = "the request is not signed with a known key"
        raise SignatureError(msg)
    date = request.headers.get("x-amz-date", "")
    if not _is_now(date):
        msg = "x-amz-date is missing, or too far from now"
        raise SignatureError(msg)
    if request.headers.get("x-amz-content-sha256") != hashlib.sha256(content).hexdigest():
        msg = "x-amz-content-sha256 is not that of the body"
        raise SignatureError(msg)
    names = found["headers"].split(";")
    if not {"host", "x-amz-date"} <= set(names):
        msg = "host and x-amz-date are not among the signed headers"
        raise SignatureError(msg)
    hashed = hashlib.sha256(_canonical(request, names).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{found['scope']}\n{hashed}"
    key = f"AWS4{keys[found['id']]}".encode()
    for part in found["scope"].split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(signature, found["signature"]):
        msg = "the signature is another one"
        raise SignatureError(msg)


def _is_now(date: str) -> bool:
    try:
        then = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - then) <= SKEW


def _canonical(request: Request, names: Sequence[str]) -> str:
    query = urllib.parse.parse_qsl(request.url.query, keep_blank_values=True)
    pairs = sorted("=".join(urllib.parse.quote(p, safe="-_.~") for p in pair) for pair in query)
    return "\n".join(
        [
            request.method,
            # The proxy takes away what it tells of here, and a signature is for the whole path.
            request.headers.get("x-forwarded-prefix", "")
            + request.scope["raw_path"].decode().partition("?")[0],
            "&".join(pairs),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            request.headers["x-amz-content-sha256"],
        ]
    )
