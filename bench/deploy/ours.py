"""Our own deploys: `pulumi up` of a stack, one app of which has another version."""

import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from bench import lab
from bench.deploy import setting
from bench.deploy.series import Tool
from bench.load import Kind
from homeport import paths, smoke, stacks
from homeport.cloud import images, instance
from homeport.cloud.servers import container_named

PROGRAM = Path(__file__).parent / "program"
PHASES = {
    "upload": "prepare",
    "artefact": "prepare",
    "venv": "prepare",
    "image": "prepare",
    "files": "prepare",
    "": "start",
    "unit": "start",
    "start": "start",
}
"""The phase of what is made, by its role in the logical name; the rest are told below."""
PHASES_OF_ROUTE = ("gate", "switch", "try")
"""What the step that switches says of itself."""


FILES: dict[str, Any] = {
    "short": (
        Kind(name="kept", path="/", rate=120),
        Kind(name="new", path="/", rate=40, new_connections=True),
        Kind(name="http2", path="/", rate=40, http2=True),
    ),
    "long": (),
    "held": 0,
}
"""How files are asked for: they take no POSTs, and nothing of them stays open."""


def name(runtime: str, proxy: str) -> str:
    """Return the name of the rows of a runtime behind a proxy."""
    return f"homeport/{runtime}/{proxy}"


@dataclasses.dataclass(slots=True)
class Stack:
    """The stack of one proxy, and which version each of its apps has."""

    proxy: str
    cloud: instance.Cloud
    versions: dict[str, int]

    @classmethod
    def made(cls, running: instance.Cloud, proxy: str) -> "Stack":
        """Make the server with everything on it; takes about two minutes."""
        stack = cls(proxy, running, dict.fromkeys(setting.RUNTIMES, 0))
        lab.logged_up(stack.target, **stack.versions)
        return stack

    @property
    def target(self) -> stacks.Target:
        """The stack, as `pulumi` takes it."""
        return stacks.Target(project=PROGRAM, stack=self.proxy, cloud=self.cloud)

    def tool(self, runtime: str) -> Tool:
        """Return what deploys the app on a runtime."""
        site = smoke.Site(
            hostname=setting.hostname(runtime, self.proxy),
            address=str(stacks.outputs(self.target)["address"]),
            ca_file=str(self.cloud.ca_file),
        )
        return Tool(
            name=name(runtime, self.proxy),
            site=site,
            server=container_named(self.cloud, f"bench-{self.proxy}-server"),
            deploy=functools.partial(self.deploy, runtime),
            **(FILES if runtime == "static" else {}),
        )

    def deploy(self, runtime: str) -> dict[str, float]:
        """Deploy the other version of one app; return the seconds, in all and by phase."""
        self.versions[runtime] = 1 - self.versions[runtime]
        start = time.monotonic()
        events = lab.logged_up(self.target, **self.versions)
        total = time.monotonic() - start
        phases = by_phase(events, runtime)
        return {"deploy": total, **phases, "engine": total - sum(phases.values())}


def by_phase(events: Iterable[lab.Event], app: str) -> dict[str, float]:
    """Return the seconds that each phase of an app's deploy took, from the engine's events.

    What the route's step says of itself is the gate, the switch, and the try through the proxy.
    """
    began: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for stamp, event in events:
        if before := event.get("resourcePreEvent"):
            began[before["metadata"]["urn"]] = stamp
        if after := event.get("resOutputsEvent"):
            about = after["metadata"]
            took = stamp - began.get(about["urn"], stamp)
            for phase, part in _parts(about, app, took).items():
                seconds[phase] = seconds.get(phase, 0.0) + part
    return seconds


def _parts(about: dict[str, Any], app: str, took: float) -> dict[str, float]:
    """Return the phases of one resource; nothing of what belongs to others, or does nothing."""
    name = about["urn"].rsplit("::", 1)[1]
    found = re.fullmatch(rf"{app}(?:-([a-z]+))?-[0-9a-f]{{8,}}", name)
    if not found or about["op"] == "same":
        return {}
    role = found[1] or ""
    if about["op"] == "delete":
        return {"drain" if role == "drain" else "remove": took}
    if role == "switch":
        return _switch(about, took)
    return {PHASES[role]: took} if role in PHASES else {}


def _switch(about: dict[str, Any], took: float) -> dict[str, float]:
    """Return what the step said of its phases; the rest of its time is the connection."""
    said = json.loads(about["new"]["outputs"]["stdout"])
    told = {
        phase: said[f"{phase}_seconds"] for phase in PHASES_OF_ROUTE if f"{phase}_seconds" in said
    }
    return {**told, "connect": took - sum(told.values())} if told else {"switch": took}


def build_artefacts() -> None:
    """Have what units and static apps are made of, in both versions."""
    folder, app = PROGRAM / setting.BUILDS, paths.ROOT / "testbed" / "apps" / "ledger"
    wanted = images.digest(app, {"PYTHON": setting.PYTHON}, "")
    marker = folder / "made-of"
    if marker.exists() and marker.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    first, second = (folder / "systemd" / version.name for version in setting.VERSIONS)
    first.parent.mkdir(parents=True)
    env = os.environ | {"UV": find_uv_bin(), "PYTHON": setting.PYTHON}
    subprocess.run([str(app / "build"), "wheel", str(first)], check=True, env=env)
    shutil.copytree(first, second, copy_function=os.link)
    for version in setting.VERSIONS:
        (folder / "systemd" / version.name / "VERSION").write_text(version.name)
        page = folder / "static" / version.name
        page.mkdir(parents=True)
        (page / "index.html").write_text(version.name)
    marker.write_text(wanted)
