"""What a bucket holds, as its store lists it: one signed request for each thousand objects.

A signature of version 4 is a chain of HMACs over the request: date, region, service, then the text.
"""

import hashlib
import hmac
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from typing import Any

from _homeport import fail

EMPTY = hashlib.sha256(b"").hexdigest()
TIMEOUT_SECONDS = 60
CURE = "check the bucket's endpoint, name and keys; its key has to be allowed to list it"


def inventory(bucket: "dict[str, str]") -> "list[dict[str, Any]]":
    """Return all objects of a bucket: key, size and etag."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        query = {"list-type": "2", **({"continuation-token": token} if token else {})}
        page = parsed(get(bucket, query))
        for each in page.findall("Contents"):
            etag = (each.findtext("ETag") or "").strip('"')
            size = int(each.findtext("Size") or 0)
            found.append({"key": each.findtext("Key") or "", "size": size, "etag": etag})
        token = page.findtext("NextContinuationToken") or ""
        if not token:
            return found


def parsed(text: bytes) -> ET.Element:
    """Return an answer without the name space that some stores give it and others do not."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - from the store that the app trusts
    except ET.ParseError as error:
        fail("the bucket's store answers no XML", str(error), CURE)
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root


def get(bucket: "dict[str, str]", query: "dict[str, str]") -> bytes:
    """Return the answer to a request for the bucket itself."""
    address = urllib.parse.urlsplit(bucket["endpoint"])
    path = f"{address.path.rstrip('/')}/{bucket['name']}"
    when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = signed(bucket, address.netloc, path, query, when)
    url = f"{address.scheme}://{address.netloc}{path}?{encoded(query)}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked in the preview
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            content: bytes = answer.read()
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        fail(f"the bucket {bucket['name']} cannot be listed: {error.code}", said, CURE)
    except OSError as error:
        fail(f"the bucket {bucket['name']} cannot be listed", str(error), CURE)
    return content


def signed(
    bucket: "dict[str, str]", host: str, path: str, query: "dict[str, str]", when: str
) -> "dict[str, str]":
    """Return the headers of a GET, with the signature over all of them."""
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": when}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    asked = "\n".join(["GET", urllib.parse.quote(path), encoded(query), lines, names, EMPTY])
    scope = f"{when[:8]}/{bucket['region']}/s3/aws4_request"
    digest = hashlib.sha256(asked.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, digest])
    key = f"AWS4{bucket['secret_key']}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    credential = f"Credential={bucket['access_key']}/{scope}"
    given = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": given}


def encoded(query: "dict[str, str]") -> str:
    """Return a query in the one form that can be signed."""
    pairs = sorted(query.items())
    return "&".join(f"{quoted(key)}={quoted(value)}" for key, value in pairs)


def quoted(text: str) -> str:
    """Return a text for a query, in which only letters, digits and -._~ stand for themselves."""
    return urllib.parse.quote(text, safe="-._~")
