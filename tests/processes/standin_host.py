"""A machine whose proxy and stand-ins are names in a file, and whose nft keeps one text."""

import json
import sys
from pathlib import Path
from typing import Any

from components.proxies import standin
from components.proxies.proxy import Proxy
from tests.processes.tool_runner import Ended, Machine

_COMMANDS = """\
#!{python}
import json, os, pathlib, re, sys
file = pathlib.Path({state!r})
state = json.loads(file.read_text())
name, *words = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
line = " ".join([name, *words])
unit = words[-1] if words else ""
code = 0
if name == "systemctl" and words[0] == "is-active":
    asked = [word for word in words[1:] if word.startswith(("caddy", "homeport"))]
    print("\\n".join("active" if word in state["active"] else "inactive" for word in asked))
    code = 0 if unit in state["active"] else 3
elif line == "nft list table inet homeport_proxy":
    print(state["nft"])
elif line == "nft -j list ruleset":
    print(json.dumps({{"nftables": state["ruleset"]}}))
elif name == "dpkg-query":
    print("installed caddy 2.6.2")
else:
    if line == "nft -f -":
        state["nft"] = sys.stdin.read()
        led = re.search(r"redirect to :(\\d+)", state["nft"])
        line = "nft leads to " + (led[1] if led else "the proxy")
    elif line.startswith("nft delete"):
        state["nft"] = ""
    state["log"].append(line)
    code = 1 if line in state["failing"] else 0
    active = set(state["active"])
    if name == "systemctl" and words[0] in ("start", "restart") and not code:
        active.add(unit)
        number = re.search(r"standin@(\\d)", unit)
        if number:
            folder = pathlib.Path({root!r}, f"run/homeport-standin-{{number[1]}}")
            folder.mkdir(parents=True, exist_ok=True)
    if name == "systemctl" and words[0] == "stop":
        active.discard(unit)
    state["active"] = sorted(active)
    new = file.with_name(f"{{file.name}}.{{os.getpid()}}")
    new.write_text(json.dumps(state))
    new.replace(file)
sys.stderr.write("it said no" if code == 1 else "")
sys.exit(code)
"""
_HEAD = "  sl  local_address rem_address   st\n"
OPEN, LISTENING = "01", "0A"


class StandinHost:
    """Runs the planted program of a proxy, as its units do."""

    def __init__(self, machine: Machine, proxy: Proxy) -> None:
        self.machine = machine
        self.about = proxy.STANDIN
        for file in standin.files(proxy.STANDIN):
            assert isinstance(file.content, str)
            machine.write(file.path, file.content)
        folder = machine.root.parent / "commands"
        folder.mkdir()
        self._state = machine.root.parent / "standin.json"
        text = _COMMANDS.format(
            python=sys.executable, state=str(self._state), root=str(machine.root)
        )
        for name in ("systemctl", "nft", "journalctl", "apt-get", "apt-mark", "dpkg-query"):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self._folder = folder
        self.add(self.about["plain_reload"][0])
        machine.environment["PATH"] = f"{folder}:/usr/bin:/bin"
        service = f"{proxy.SERVICE}.service"
        self._state.write_text(
            json.dumps({"active": [service], "failing": [], "nft": "", "ruleset": [], "log": []})
        )
        self.leaving(None).parent.mkdir(parents=True)
        self.unit_of_baseline = machine.write("/etc/systemd/system/homeport-nft.service", "")
        self.sockets()

    def add(self, name: str) -> None:
        (self._folder / name).write_text((self._folder / "nft").read_text())
        (self._folder / name).chmod(0o755)

    def set(self, **values: Any) -> None:
        state = json.loads(self._state.read_text())
        self._state.write_text(json.dumps({**state, **values}))

    def sockets(self, *opened: int) -> None:
        """Have stand-ins listen, and a connection open at each of these ports."""
        rows = [(port, LISTENING) for slot in range(1, 5) for port in (31080 + slot, 31440 + slot)]
        rows += [(port, OPEN) for port in opened]
        lines = [f"   0: 00000000:{port:04X} 00000000:0000 {state} 0\n" for port, state in rows]
        # At once: the program reads it meanwhile.
        new = self.machine.write("/proc/net/new", _HEAD + "".join(lines))
        new.replace(self.machine.root / "proc/net/tcp")

    def leaving(self, slot: int | None) -> Path:
        folder = f"/run/homeport-standin-{slot}" if slot else self.about["runtime_folder"]
        return self.machine.root / folder.lstrip("/") / "leaving"

    @property
    def log(self) -> list[str]:
        """What was done to the host, in order; what changed nothing is left out."""
        done: list[str] = json.loads(self._state.read_text())["log"]
        return [line for line in done if "reset-failed" not in line]

    @property
    def active(self) -> list[str]:
        found: list[str] = json.loads(self._state.read_text())["active"]
        return found

    def start(self, verb: str) -> "Any":
        return self.machine.start_script(
            self.machine.root / standin.FOLDER.lstrip("/") / "standin", verb
        )

    def run(self, verb: str) -> Ended:
        process = self.start(verb)
        out, err = process.communicate(timeout=300)
        return Ended(code=process.returncode, out=out, err=err)
