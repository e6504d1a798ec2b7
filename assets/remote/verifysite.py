#!/usr/bin/python3 -B
"""Waits until a site answers over HTTPS, with certificates for all its names; changes nothing.

It asks this host's own proxy, so that what it finds does not depend on the way through the net.
When the time is over it says what is wrong as far as the host can tell: where the names point to,
and what the certificate authority answered.
"""

import http.client
import json
import socket
import ssl
import sys
import time
from typing import Any, NoReturn

from _homeport import Spec, StepError, fail, main, run
from _lookup import points_to

TRY_SECONDS = 10
PAUSE_SECONDS = 0.5


def up(spec: Spec) -> None:
    """Wait for certificates and answer."""
    start = time.monotonic()
    names = list(spec["certificates"])
    while True:
        wrong = problem(spec, names)
        if wrong is None:
            break
        if time.monotonic() - start > spec["seconds"]:
            explain(spec, wrong)
        time.sleep(PAUSE_SECONDS)
    sys.stdout.write(f"https://{spec['hostname']}{spec['path']} answers {spec['status']}\n")


def problem(spec: Spec, names: "list[str]") -> "dict[str, Any] | None":
    """Return what is wrong now; takes the names that are right from `names`."""
    while names:
        error = certificate_problem(spec, names[0])
        if error:
            return {"name": names[0], "certificate": error}
        names.pop(0)
    try:
        status = answer(spec)
    except (OSError, http.client.HTTPException) as error:
        return {"answer": f"no answer: {error}"}
    return None if status == spec["status"] else {"answer": f"answer {status}", "status": status}


def connect(spec: Spec, name: str) -> ssl.SSLSocket:
    """Return a TLS connection to this host's proxy for a name; checks trust when there is any."""
    context = ssl.create_default_context()
    if not spec["trusted"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    address = (spec.get("connect", "127.0.0.1"), spec.get("port", 443))
    raw = socket.create_connection(address, timeout=TRY_SECONDS)
    try:
        return context.wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


def certificate_problem(spec: Spec, name: str) -> str:
    """Return why the certificate for a name cannot be used; empty when it can."""
    try:
        with connect(spec, name) as connection:
            shown = connection.getpeercert(binary_form=True) or b""
    except OSError as error:
        return str(error)
    return "" if spec["trusted"] else unusable(shown, name)


def unusable(certificate: bytes, name: str) -> str:
    """Return what is wrong with a certificate, its issuer apart."""
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    checks = {"has expired": ["-checkend", "0"], "is for other names": ["-checkhost", name]}
    for what, arguments in checks.items():
        shown = run(["openssl", "x509", "-noout", *arguments], stdin=pem, check=False)
        if shown.returncode != 0 or "does NOT match" in shown.stdout:
            return f"the certificate {what}"
    return ""


def answer(spec: Spec) -> int:
    """Return the status of the answer to the site's check."""
    context = ssl.create_default_context()
    client = http.client.HTTPSConnection(spec["hostname"], timeout=TRY_SECONDS, context=context)
    client.sock = connect(spec, spec["hostname"])
    try:
        client.request("GET", spec["path"], headers={"User-Agent": "homeport-verify"})
        return client.getresponse().status
    finally:
        client.close()


def explain(spec: Spec, wrong: "dict[str, Any]") -> NoReturn:
    """End the step with what is wrong and what to do."""
    site = f"https://{spec['hostname']}{spec['path']}"
    if "answer" in wrong:
        fail(
            f"{site} gave {wrong['answer']}, expected {spec['status']}, for {spec['seconds']} s",
            "",
            "look at the app's own log (`docker logs`); the certificate is right"
            if wrong.get("status") in (502, 503, 504)
            else "check check_path and check_status of the site, and the app's own log",
        )
    name = wrong["name"]
    pointing = points_to(name)
    where = ", ".join(pointing) or "no address"
    lines = [wrong["certificate"], f"DNS: {name} is {where}; this host is {spec['address']}"]
    fail(
        f"there is no valid certificate for {name} after {spec['seconds']} s",
        "\n".join(lines + authority_errors(spec["service"], name)),
        f"let an A record for {name} point to {spec['address']}, then `pulumi up` again"
        if spec["address"] not in pointing
        else f"see what {spec['authority']} answered above, and that ports 80 and 443 are open "
        f"from outside; `journalctl -u {spec['service']}` has more",
    )


def authority_errors(service: str, name: str) -> "list[str]":
    """Return the last different things that went wrong between the proxy and the authority."""
    try:
        log = run(["journalctl", "-u", service, "-o", "cat", "-n", "500", "--no-pager"]).stdout
    except StepError as error:
        return [f"(the log of {service} cannot be read: {error.what})"]
    errors: list[str] = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        text = str(entry.get("error", ""))
        if entry.get("level") in ("error", "warn") and text and name in line:
            errors = [*(e for e in errors if e != text), text]
    return [f"certificate authority: {text}" for text in errors[-3:]]


if __name__ == "__main__":
    main({"up": up})
