"""A proxy's stand-in: a second process of the same proxy, which serves while the first is changed.

A stand-in is a unit of its own with the configuration that lies on the host, on ports of its own.
One nftables transaction leads whoever connects from then on to it; connections that are open stay
with the process that has them and end by themselves. Once the proxy has none left, it can be
restarted. Then it gets the traffic back by another transaction, and the stand-in ends in its turn.

Nothing of this outlives a boot. What is known is read from the host: which ports the kernel leads
where, which units run, and the file `leaving` of a process that is to end (it says since when, and
Caddy closes connections after their next answer while its own is there).
"""

import contextlib
import json
import re
import sys
import time
from pathlib import Path

from _homeport import Spec, StepError, at, fail, lock, run
from _sockets import connections, listeners

SLOTS = range(1, 5)
PUBLIC = (80, 443)
TABLE = "inet homeport_proxy"
CHAINS = {
    "prerouting": "nat hook prerouting priority -110",
    "output": "nat hook output priority -160",
    "input": "filter hook input priority 0",
}
RETURN = "homeport-return.service"
BASELINE = "/etc/systemd/system/homeport-nft.service"
"""Is on hosts whose owner lets us write rules of nftables."""
START_SECONDS = 60.0
DRAIN_SECONDS = 600.0
POLL_SECONDS = 0.1
CURE = "nftables has to be installed and usable: try `nft list ruleset` as root on the host"


def ports(slot: int) -> "tuple[int, int]":
    """Return where a stand-in listens for HTTP and for HTTPS; its unit says the same."""
    return 31080 + slot, 31440 + slot


def unit(slot: int) -> str:
    """Return the unit of a stand-in."""
    return f"homeport-standin@{slot}.service"


def is_active(name: str) -> bool:
    """Return whether a unit runs."""
    return run(["systemctl", "is-active", "--quiet", name], check=False).returncode == 0


def running() -> "list[int]":
    """Return the stand-ins that run."""
    shown = run(["systemctl", "is-active", *map(unit, SLOTS)], check=False).stdout.split()
    return [slot for slot, state in zip(SLOTS, shown, strict=False) if state == "active"]


def may_lead() -> bool:
    """Return whether connections may be led to a stand-in on this host."""
    return at(BASELINE).exists()


def current() -> "int | None":
    """Return the stand-in that new connections are led to; None when the proxy has them itself."""
    if not may_lead():
        return None
    shown = run(["nft", "list", "table", *TABLE.split()], check=False, cure=CURE).stdout
    found = re.search(r"redirect to :3108(\d)", shown)
    return int(found[1]) if found else None


def point(slot: "int | None") -> None:
    """Lead new connections to a stand-in, or to the proxy itself, in one transaction.

    The chains stay until the last stand-in has ended: without any, the kernel would no longer
    translate the addresses of connections that were led there.
    """
    run(["nft", "-f", "-"], stdin=rules(slot), cure=CURE)


def rules(slot: "int | None") -> str:
    """Return the transaction; a connection is only ever led anywhere by its first packet."""
    first = "fib daddr type local tcp flags & (fin | syn | rst | ack) == syn"
    lines = [f"add table {TABLE}"]
    for chain, kind in CHAINS.items():
        lines += [f"add chain {TABLE} {chain} {{ type {kind}; }}", f"flush chain {TABLE} {chain}"]
    for public, own in zip(PUBLIC, ports(slot), strict=True) if slot else ():
        led = f"{first} tcp dport {public} redirect to :{own}"
        lines += [f"add rule {TABLE} {chain} {led}" for chain in ("prerouting", "output")]
    # Nobody reaches a stand-in by its own ports from outside.
    listed = ", ".join(str(port) for each in SLOTS for port in ports(each))
    closed = f'iifname != "lo" tcp dport {{ {listed} }} ct status and dnat == 0 drop'
    lines.append(f"add rule {TABLE} input {closed}")
    return "\n".join(lines) + "\n"


def leaving(spec: Spec, slot: "int | None") -> Path:
    """Return the file that says of a process that it is to end, and since when."""
    return at(f"/run/homeport-standin-{slot}" if slot else spec["runtime_folder"]) / "leaving"


def leave(spec: Spec, slot: "int | None") -> None:
    """Let a process end its connections; one that is at it already goes on."""
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        leaving(spec, slot).touch(exist_ok=False)


def has_left(spec: Spec, slot: "int | None") -> bool:
    """Return whether a process has no connection left, or has had its time."""
    if not connections(*(ports(slot) if slot else PUBLIC)):
        return True
    with contextlib.suppress(FileNotFoundError):
        return time.time() - leaving(spec, slot).stat().st_mtime > DRAIN_SECONDS
    return False


def stand_in(spec: Spec) -> int:
    """Have a new stand-in serve whoever connects from now on; return which.

    Raises:
        StepError: it cannot; everything is as it was.
    """
    refuse_filter()
    before, busy = current(), running()
    free = [slot for slot in SLOTS if slot not in busy]
    slot = free[0] if free else oldest(spec, [slot for slot in busy if slot != before])
    stop(slot)
    try:
        start(slot)
        point(slot)
    except StepError:
        stop(slot)
        raise
    leave(spec, before)
    return slot


def oldest(spec: Spec, slots: "list[int]") -> int:
    """Return the stand-in that has been leaving for longest."""
    return min(slots, key=lambda slot: leaving(spec, slot).stat().st_mtime)


def start(slot: int) -> None:
    """Start a stand-in and wait until it listens."""
    run(["systemctl", "start", unit(slot)], timeout_seconds=START_SECONDS + 60)
    end = time.monotonic() + START_SECONDS
    while not listeners(ports(slot)[0]):
        if not is_active(unit(slot)) or time.monotonic() > end:
            log = run(["journalctl", "-u", unit(slot), "-n", "20", "-o", "cat"], check=False)
            fail(f"{unit(slot)} does not listen", log.stdout, f"see `journalctl -u {unit(slot)}`")
        time.sleep(POLL_SECONDS)


def stop(slot: int) -> None:
    """End a stand-in, whatever state it is in."""
    run(["systemctl", "stop", unit(slot)], check=False)
    run(["systemctl", "reset-failed", unit(slot)], check=False)


def is_changed(spec: Spec) -> bool:
    """Return whether the proxy runs, and with what a stand-in has shown."""
    return is_active(f"{spec['service']}.service") and not leaving(spec, None).exists()


def restart(spec: Spec) -> None:
    """Restart the proxy itself.

    Raises:
        StepError: it does not come up; whoever stands in goes on.
    """
    service = spec["service"]
    cure = f"a stand-in serves meanwhile; see `journalctl -u {service}`, mend what it says"
    run(["systemctl", "reset-failed", service], check=False)
    run(["systemctl", "restart", service], cure=cure)
    leaving(spec, None).unlink(missing_ok=True)


def forget() -> None:
    """Remove the rules; nobody stands in any more."""
    if may_lead():
        run(["nft", "delete", "table", *TABLE.split()], check=False)


def refuse_filter() -> None:
    """Refuse where no rule may be written, or a filter would not let a stand-in's visitors in.

    It sees the stand-in's port; one that is to know which port a visitor asked for has to ask.
    """
    if not may_lead():
        cure = "expect what a plain reload may lose: nftables is not to be used on this host"
        fail("nobody can stand in for the proxy without nftables", "", cure)
    listed = json.loads(run(["nft", "-j", "list", "ruleset"], cure=CURE).stdout)["nftables"]
    rules = [item["rule"] for item in listed if "rule" in item]
    for chain in (item["chain"] for item in listed if "chain" in item):
        name = (chain["family"], chain["table"], chain["name"])
        filters = chain.get("hook") == "input" and chain["type"] == "filter"
        if not filters or " ".join(name[:2]) == TABLE:
            continue
        own = [json.dumps(r) for r in rules if (r["family"], r["table"], r["chain"]) == name]
        asks = any('"proto-dst"' in rule and '"original"' in rule for rule in own)
        if not asks and (own or chain.get("policy") == "drop"):
            fail(
                f"chain {chain['name']} of table {chain['family']} {chain['table']} filters what "
                "comes in, so nobody can stand in for the proxy",
                "",
                "let it accept `ct status dnat ct original proto-dst { 80, 443 }`",
            )


def said(error: StepError) -> str:
    """Return what a log is told of a failure."""
    return f"{error.what}\n{error.output}\nnext: {error.cure}\n"


def change(spec: Spec) -> None:
    """Have new connections served by the configuration that lies on the host now.

    Where nobody can stand in, the proxy reloads as its package does it, and says why.
    """
    with lock("proxy"):
        try:
            stand_in(spec)
        except StepError as error:
            sys.stdout.write(f"reloaded without a stand-in: {said(error)}")
            run(spec["plain_reload"], cure=f"see `journalctl -u {spec['service']}`")
            leaving(spec, None).unlink(missing_ok=True)
            if current():
                before = current()
                point(None)
                leave(spec, before)
    run(["systemctl", "restart", "--no-block", RETURN])
