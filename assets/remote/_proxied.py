"""What this machine's own proxy answers, whatever DNS says and whoever gave the certificate."""

import http.client
import socket
import ssl
from typing import Any

from _homeport import Spec, other_receipts

GATEWAY_ERRORS = (502, 503, 504)
HEADERS = {"User-Agent": "homeport", "Connection": "close"}


def get(hostname: str, path: str, timeout: float, port: int = 443) -> "tuple[int, bytes]":
    """Return status and body of an answer over HTTPS.

    Raises:
        OSError: nobody answers.
        http.client.HTTPException: what answers is no HTTP.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(hostname, timeout=timeout, context=context)
    plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    try:
        connection.sock = context.wrap_socket(plain, server_hostname=hostname)
        connection.request("GET", path, headers={"Host": hostname, **HEADERS})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        plain.close()
        connection.close()


def problem(spec: Spec) -> str | None:
    """Return what is wrong when the app is asked through the host's proxy; None without a site.

    Any answer of the app will do; whose certificate it is, is the site's concern.
    """
    hostnames = [
        name for site in sites(spec, spec["stable_port"]) for name in site.get("hostnames", [])
    ]
    if not hostnames:
        return None
    path, timeout = spec["health"]["path"], spec["health"]["try_seconds"]
    try:
        status, _ = get(hostnames[0], path, timeout)
    except (OSError, http.client.HTTPException) as error:
        return f"https://{hostnames[0]} on this host: {type(error).__name__}: {error}"
    if status in GATEWAY_ERRORS:
        return f"https://{hostnames[0]}{path} on this host gave {status}"
    return ""


def sites(spec: Spec, stable: int) -> list[dict[str, Any]]:
    """Return what the receipts of sites say that send traffic to a stable port."""
    metas = [receipt.get("meta") or {} for receipt in other_receipts(spec, "")]
    return [meta for meta in metas if stable in meta.get("ports", [])]
