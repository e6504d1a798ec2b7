"""Asks a release whether it can serve, as its HealthCheck says."""

import http.client
from typing import Any

LONGEST_BODY = 2**20
OWN_HEADERS = {"User-Agent": "homeport", "Connection": "close"}


def problem(port: int, health: dict[str, Any], release: str = "") -> str:
    """Return what is wrong with the answer on a port of the loopback; empty when it is healthy.

    With `release`, an answer that says it comes from another one (X-Release) does not count.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=health["try_seconds"])
    headers = {"Host": "localhost", **health.get("headers", {}), **OWN_HEADERS}
    try:
        connection.request("GET", health["path"], headers=headers)
        response = connection.getresponse()
        body = response.read(LONGEST_BODY).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    says = response.headers.get("X-Release")
    if release and says and says != release:
        return f"an answer of release {says}"
    if response.status != health["status"]:
        return str(response.status)
    wanted = health.get("contains", "")
    if wanted not in body:
        return f"{response.status} without {wanted!r} in its body"
    return ""
