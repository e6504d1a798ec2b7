"""What this machine's own proxy answers, whatever DNS says and whoever gave the certificate."""

import http.client
import socket
import ssl

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
