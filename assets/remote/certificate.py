#!/usr/bin/python3 -B
"""Has a certificate for a site's names from an ACME authority, by certbot.

The authority asks over HTTP, where the proxy answers for the names already, or in the DNS, where
the tool `dnschallenge` does. A certificate that fits and is not about to expire is kept, and then
nobody is asked; one from another authority, or that was asked for in the other way, is replaced.
The stack's timer renews it. With `copy` the proxy gets certificate and key as one file of its own:
`renewed` brings it up to date. `down` removes the certificate, and with the last one the account.
"""

import contextlib
import http.client
import json
import re
import secrets
import shutil
import sys
import time
from pathlib import Path
from typing import NoReturn

import _dnschallenge
from _homeport import (
    FOLDER,
    Spec,
    at,
    fail,
    lock,
    main,
    read_receipt,
    remove_receipt,
    run,
    write_atomic,
    write_receipt,
)
from _lookup import points_to

NAMES_SECONDS = 60
"""How long new names may take to be known; an authority that asks too early counts a failure."""
PROXY_SECONDS = 20
"""How long a reload may take to be there for all names."""


def up(spec: Spec) -> None:
    """Have the certificate."""
    if "dns" in spec:
        rehearse(spec)
    else:
        wait_for(spec["names"])
        wait_for_proxy(spec)
    with lock(f"certificates-{spec['system']}"):
        before = read_receipt(spec, receipt(spec))
        if "copy" in spec:
            # A step of its own: this one is still running when certbot runs it.
            again = {**spec, "step": f"{spec['step']}-renewed"}
            write_atomic(renewed_file(spec), json.dumps(again).encode(), mode=0o600)
        if before and before["email"] != spec["email"]:
            run([*certbot(spec, "update_account"), "--email", spec["email"], *server(spec)])
        # Few tries: an authority allows few failures in an hour.
        for pause in (*spec["pauses"], None):
            done = run(request(spec), check=False)
            if done.returncode == 0:
                break
            if pause is None:
                refused(spec, done.stdout + done.stderr)
            time.sleep(pause)
        if "copy" in spec:
            renewed(spec)
        write_receipt(spec, receipt(spec), {"email": spec["email"]})
    sys.stdout.write(f"certificate for {', '.join(spec['names'])}\n")


def receipt(spec: Spec) -> str:
    """Return the name of this step's receipt."""
    return f"certificate-{spec['name']}"


def certbot(spec: Spec, command: str) -> "list[str]":
    """Return the beginning of a command line that keeps everything in the stack's folder."""
    folder = str(at(spec["folder"]))
    places = [
        "--config-dir",
        folder,
        "--work-dir",
        f"{folder}/work",
        "--logs-dir",
        f"{folder}/logs",
    ]
    return ["certbot", command, "--non-interactive", *places]


def server(spec: Spec) -> "list[str]":
    """Return the option that names the authority."""
    return ["--server", spec["directory"]]


def request(spec: Spec) -> "list[str]":
    """Return the command line that asks for the certificate, if one is needed."""
    names = [part for name in spec["names"] for part in ("--domain", name)]
    reload = f"systemctl reload {spec['service']}"
    copy = f"{tool(spec, 'certificate')} renewed <{renewed_file(spec)}"
    return [
        *certbot(spec, "certonly"),
        *server(spec),
        *("--agree-tos", "--email", spec["email"], "--no-eff-email"),
        *asked_by(spec),
        *("--key-type", "ecdsa", "--cert-name", spec["name"], *names),
        *("--renew-with-new-domains", "--deploy-hook", copy if "copy" in spec else reload),
        "--force-renewal" if asked_otherwise(spec) else "--keep-until-expiring",
    ]


def asked_by(spec: Spec) -> "list[str]":
    """Return the options that say how the authority's question is answered."""
    if "dns" not in spec:
        return ["--webroot", "--webroot-path", str(at(spec["challenges"]))]
    answer, settings = tool(spec, "dnschallenge"), at(spec["dns"])
    hooks = {"auth": f"{answer} up <{settings}", "cleanup": f"{answer} down <{settings}"}
    options = [part for hook, run_it in hooks.items() for part in (f"--manual-{hook}-hook", run_it)]
    return ["--manual", "--preferred-challenges", "dns", *options]


def tool(spec: Spec, name: str) -> str:
    """Return where a tool of the stack lies, for what certbot runs at a renewal."""
    return str(at(f"{FOLDER}/{spec['system']}/bin/{name}"))


def asked_otherwise(spec: Spec) -> bool:
    """Return whether there is a certificate that another authority gave, or after other questions.

    Its renewal would go on in the old way.
    """
    recorded = at(f"{spec['folder']}/renewal/{spec['name']}.conf")
    if not recorded.is_file():
        return False
    found = dict(
        re.findall(r"^(server|authenticator) = (\S+)$", recorded.read_text(), re.MULTILINE)
    )
    way = "manual" if "dns" in spec else "webroot"
    return found != {"server": spec["directory"], "authenticator": way}


def renewed_file(spec: Spec) -> Path:
    """Return where this document lies for certbot, which runs `renewed` with it."""
    return at(f"{spec['folder']}/renewed/{spec['name']}.json")


def renewed(spec: Spec) -> None:
    """Give the proxy the certificate as it is now, with its key, in one file."""
    live = at(f"{spec['folder']}/live/{spec['name']}")
    both = b"".join((live / part).read_bytes() for part in ("fullchain.pem", "privkey.pem"))
    if write_atomic(at(spec["copy"]["path"]), both, mode=0o640, group=spec["copy"]["group"]):
        run(["systemctl", "reload-or-try-restart", spec["service"]])


def rehearse(spec: Spec) -> None:
    """See that the zone can be changed, before an authority counts a failure."""
    settings: Spec = json.loads(at(spec["dns"]).read_text())
    for name in sorted({name.removeprefix("*.") for name in spec["names"]}):
        value = f"homeport-{secrets.token_hex(8)}"
        try:
            _dnschallenge.put(settings, name, value)
        finally:
            _dnschallenge.take(settings, name, value)


def wait_for(names: "list[str]") -> None:
    """Wait until all names are known, or so long that waiting does not help."""
    end = time.monotonic() + NAMES_SECONDS
    while not all(points_to(name) for name in names) and time.monotonic() < end:
        time.sleep(0.5)


def wait_for_proxy(spec: Spec) -> None:
    """Wait until this host's own proxy answers a challenge for every name."""
    folder = at(spec["challenges"]) / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f"homeport-{spec['system']}-{spec['name']}"
    probe.write_text(spec["name"])
    end = time.monotonic() + PROXY_SECONDS
    try:
        for name in spec["names"]:
            while (status := answer(spec, name, probe.name)) != 200:
                if time.monotonic() > end:
                    what = f"{spec['service']} gives {status or 'no answer'} for http://{name}/"
                    cure = "see which other site on this host answers for that name"
                    fail(f"{what}.well-known/acme-challenge/", "", cure)
                time.sleep(0.1)
    finally:
        probe.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()


def answer(spec: Spec, name: str, token: str) -> int:
    """Return the status by which this host's proxy answers a challenge; 0 when it does not."""
    host, port = spec.get("connect", "127.0.0.1"), spec.get("port", 80)
    client = http.client.HTTPConnection(host, port, timeout=10)
    try:
        client.request("GET", f"/.well-known/acme-challenge/{token}", headers={"Host": name})
        return client.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        client.close()


def refused(spec: Spec, output: str) -> NoReturn:
    """End the step with what the authority said, and where the names point to if that matters."""
    what = f"{spec['directory']} gave no certificate for {', '.join(spec['names'])}"
    if "dns" in spec:
        fail(what, output, "see what the authority answered above, then `pulumi up` again")
    pointing = {name: points_to(name) for name in spec["names"]}
    lines = [
        f"DNS: {name} is {', '.join(found) or 'no address'}; this host is {spec['address']}"
        for name, found in pointing.items()
    ]
    elsewhere = [name for name, found in pointing.items() if spec["address"] not in found]
    fail(
        what,
        "\n".join([output, *lines]),
        f"let A records for {', '.join(elsewhere)} point to {spec['address']} (or to the "
        "CDN before it), then `pulumi up` again"
        if elsewhere
        else "see what the authority answered above, and that port 80 is open from outside",
    )


def down(spec: Spec) -> None:
    """Remove the certificate, and the account that is no longer needed."""
    folder = at(spec["folder"])
    with lock(f"certificates-{spec['system']}"):
        if (folder / "renewal" / f"{spec['name']}.conf").is_file():
            run([*certbot(spec, "delete"), "--cert-name", spec["name"]])
        renewed_file(spec).unlink(missing_ok=True)
        if "copy" in spec:
            at(spec["copy"]["path"]).unlink(missing_ok=True)
        if not list(folder.glob("renewal/*.conf")):
            shutil.rmtree(folder, ignore_errors=True)
        remove_receipt(spec, receipt(spec))
    sys.stdout.write(f"no certificate for {', '.join(spec['names'])}\n")


if __name__ == "__main__":
    main({"up": up, "renewed": renewed, "down": down})
