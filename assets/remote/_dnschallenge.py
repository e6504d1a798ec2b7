"""Puts what an authority looks for into a zone, and takes it away again.

Values of other names, hosts and renewals that are under way share the record set: one is added and
removed at a time, and none is ever overwritten.
"""

import json
import re
import time
import urllib.error
import urllib.request
from typing import Any

import _dns
from _homeport import Spec, fail, run

LABEL = "_acme-challenge"
ENDPOINT = "https://api.hetzner.cloud/v1"
TTL_SECONDS = 60
WAIT_SECONDS = 180
PAUSE_SECONDS = 1
AGAIN = {409, 423, 429, 500, 502, 503, 504}
"""Statuses that pass: the zone is being changed by somebody else, or the API is busy."""
TRIES = 10


def put(spec: Spec, domain: str, value: str) -> None:
    """Add a value below a name, and wait until every server of the zone answers with it."""
    name = f"{LABEL}.{domain}"
    if spec["kind"] == "hetzner":
        hetzner_add(spec, relative(spec, name), f'"{value}"')
    else:
        update(spec, f'add {name}. {TTL_SECONDS} TXT "{value}"')
    wait(spec, name, value)


def take(spec: Spec, domain: str, value: str) -> None:
    """Remove a value below a name; the others stay, and one that is gone is no error."""
    name = f"{LABEL}.{domain}"
    if spec["kind"] == "hetzner":
        there = f"/{relative(spec, name)}/TXT/actions/remove_records"
        hetzner(spec, "POST", there, {"records": [{"value": f'"{value}"'}]}, (404, 422))
    else:
        update(spec, f'delete {name}. TXT "{value}"')


def relative(spec: Spec, name: str) -> str:
    """Return a name as its zone writes it."""
    return name.removesuffix(f".{spec['zone']}")


def hetzner_add(spec: Spec, name: str, value: str) -> None:
    """Add a value to a record set, which is made when there is none."""
    there, records = f"/{name}/TXT", [{"value": value}]
    wanted: dict[str, Any] = {"records": records, "ttl": TTL_SECONDS}
    added = hetzner(spec, "POST", f"{there}/actions/add_records", wanted, (422,))
    if added is not None:
        return
    # A record set of another lifetime is there, or one that has the value already.
    found = hetzner(spec, "GET", there, None, ()) or {}
    if value not in [record["value"] for record in found["rrset"]["records"]]:
        hetzner(spec, "POST", f"{there}/actions/add_records", {"records": records}, ())


def hetzner(
    spec: Spec, method: str, path: str, body: "dict[str, Any] | None", expected: "tuple[int, ...]"
) -> "dict[str, Any] | None":
    """Return what the API answers about the zone's record sets; None for an expected refusal."""
    request = urllib.request.Request(  # noqa: S310 - the address begins with a constant
        f"{spec.get('endpoint', ENDPOINT)}/zones/{spec['zone']}/rrsets{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {spec['token']}", "Content-Type": "application/json"},
        method=method,
    )
    for tries_left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                parsed: dict[str, Any] = json.loads(answer.read() or b"{}")
                return parsed
        except urllib.error.HTTPError as error:
            if error.code in expected:
                return None
            if error.code not in AGAIN or not tries_left:
                refused(spec, error)
        except OSError as error:
            if not tries_left:
                what = f"the DNS API does not answer about zone {spec['zone']}"
                fail(what, str(error), "check the host's way out, then `pulumi up` again")
        time.sleep(spec.get("pause", PAUSE_SECONDS))
    return None


def refused(spec: Spec, error: urllib.error.HTTPError) -> None:
    """End the step with what the API said and what to do."""
    zone = spec["zone"]
    cures = {
        401: "give the challenge a token that is valid",
        403: "give the challenge a token that may read and write",
        404: f"name the zone as the token's project has it, or give a token of the one with {zone}",
    }
    said = error.read().decode(errors="replace")
    what = f"the DNS API refuses a change of zone {zone} with {error.code}"
    fail(what, said, cures.get(error.code, "see what the API says above, then `pulumi up` again"))


def update(spec: Spec, change: str) -> None:
    """Send one change to the zone's primary server, signed."""
    if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", spec["key"].strip()):
        fail(f"the key {spec['key_name']} is no base64", "", "give it as the name server has it")
    lines = [
        f"key {spec['algorithm']}:{spec['key_name']} {spec['key'].strip()}",
        f"server {spec['server']}",
        f"zone {spec['zone']}.",
        f"update {change}",
        "send",
    ]
    sent = run(["nsupdate", "-v", "-t", "30"], stdin="\n".join([*lines, ""]), check=False)
    if sent.returncode != 0:
        fail(
            f"{spec['server']} refuses a change of zone {spec['zone']}",
            sent.stdout + sent.stderr,
            f"let it take updates of TXT records below {LABEL} with the key {spec['key_name']}, "
            "and let this host reach its port 53 over TCP",
        )


def wait(spec: Spec, name: str, value: str) -> None:
    """Wait until every server of the zone has the value."""
    end = time.monotonic() + spec.get("seconds", WAIT_SECONDS)
    while True:
        missing = lacking(spec, name, value)
        if not missing:
            return
        if time.monotonic() > end:
            fail(
                f"the servers of zone {spec['zone']} do not have {name} yet",
                "\n".join(missing),
                f"see that these are the zone's servers (`dig NS {spec['zone']}`): at the "
                "registrar the domain must be delegated to where the challenge changes it",
            )
        time.sleep(spec.get("pause", PAUSE_SECONDS))


def lacking(spec: Spec, name: str, value: str) -> "list[str]":
    """Return which servers of the zone do not have the value, and what they say."""
    wrong, port = [], spec.get("port", _dns.PORT)
    try:
        servers = _dns.servers_of(spec["zone"], port)
    except OSError as error:
        return [str(error)]
    for server in servers:
        try:
            found = _dns.texts(server, name, port)
        except OSError as error:
            wrong.append(f"{server}: {error}")
        else:
            if value not in found:
                wrong.append(f"{server}: has {', '.join(found) or 'no such record'}")
    return wrong
