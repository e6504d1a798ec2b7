"""Names of Docker's that an interrupted deploy left taken: when they are cleared, and when not."""

import asyncio
import concurrent.futures
import json
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.leftovers import binding, clear
from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import FAKES, SYSTEM, Machine

NAME = f"{SYSTEM}-web-bbbb2222"
TAKEN = "Conflict. The container name is already in use"


class Host:
    """Answers like a host whose tool ends with a code."""

    def __init__(self, code: int, said: str = "") -> None:
        self.code, self.said = code, said
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def now(self, tool: str, spec: Mapping[str, Any]) -> "subprocess.CompletedProcess[str]":
        self.calls.append((tool, spec))
        return subprocess.CompletedProcess([], self.code, "", self.said)


def failed(operation: str = "create", errors: int = 1, said: str = TAKEN) -> pulumi.ErrorHookArgs:
    return pulumi.ErrorHookArgs(
        urn="urn",
        id="",
        name="web-bbbb2222",
        type="docker:index/container:Container",
        new_inputs={"name": NAME},
        failed_operation=operation,
        errors=[said] * errors,
    )


def test_what_has_the_name_is_removed_and_making_it_tried_again() -> None:
    host = Host(0)
    assert clear(failed(), host.now)
    assert host.calls == [("leftover", {"step": "web-bbbb2222", "kind": "container", "name": NAME})]


def test_names_are_cleared_while_every_thread_of_the_loop_waits_for_the_engine() -> None:
    async def run() -> bool:
        loop, answered = asyncio.get_running_loop(), threading.Event()
        own = concurrent.futures.ThreadPoolExecutor(1)
        loop.set_default_executor(own)
        registration = loop.run_in_executor(None, answered.wait, 20)
        hook = binding("leftovers", Host(0).now).on_error[0].callback  # type: ignore[index]
        try:
            return bool(await asyncio.wait_for(hook(failed()), 5))  # type: ignore[arg-type]
        finally:
            answered.set()
            await registration

    assert asyncio.run(run())


@pytest.mark.parametrize("args", [failed(errors=2), failed("delete"), failed("update")])
def test_it_is_tried_once_and_only_for_what_is_made(args: pulumi.ErrorHookArgs) -> None:
    host = Host(0)
    assert not clear(args, host.now)
    assert host.calls == []


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ('The container name "/x" is already in use by container "ec0713"', True),
        ("network with name x already exists", True),
        ("Unable to start container: Cannot connect to the Docker daemon", False),
        ("container exited immediately", False),
    ],
)
def test_it_is_tried_again_only_where_a_name_was_taken(said: str, again: bool) -> None:
    assert clear(failed(said=said), Host(0).now) is again


def test_a_host_that_is_not_reached_leaves_the_error_as_it_is() -> None:
    assert not clear(failed(), Host(255).now)


def test_a_refusal_is_shown_after_the_error_that_led_to_it() -> None:
    with pytest.raises(RuntimeError, match=f"^{TAKEN}\nit serves\nnext: revision$"):
        clear(failed(), Host(1, "it serves\nnext: revision").now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def container(system: str = SYSTEM, port: int = 20001) -> dict[str, Any]:
    bindings = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}], "9000/tcp": None}
    labels = {"homeport.system": system}
    host = {"PortBindings": bindings, "NetworkMode": f"{SYSTEM}-web"}
    return {"Config": {"Labels": labels}, "HostConfig": host, "Image": "sha256:ee"}


def run(machine: Machine, kind: str = "container") -> Any:
    return machine.run("leftover", "up", {"kind": kind, "name": NAME})


def test_a_name_that_is_free_stays_so(machine: Machine) -> None:
    machine.set_docker({"answers": {"container inspect": [1, "Error: No such container"]}})
    assert run(machine).code == 0
    assert [call[0] for call in machine.docker_calls()] == ["container"]


GONE = [1, "Error: No such container"]
HELD = [125, "Bind for 127.0.0.1:20001 failed: port is already allocated"]
TRIAL = [
    *("run", "--rm", "--pull=never", f"--network={SYSTEM}-web"),
    *("--publish=127.0.0.1:20001:8000/tcp", "--entrypoint=/nothing/to/start", "sha256:ee"),
]


def half_made(**answers: Any) -> dict[str, Any]:
    return {"answers": {"container inspect": [[0, json_of(container())], GONE], **answers}}


def test_a_half_made_container_of_the_stack_is_stopped_and_removed(machine: Machine) -> None:
    machine.set_docker(half_made(run=[127, "no such file or directory"]))
    assert run(machine).code == 0
    stopped, removed, tried, _ = machine.docker_calls()[1:]
    assert stopped == ["stop", NAME]
    assert removed == ["rm", "--force", "--volumes", NAME]
    assert tried == TRIAL


def test_a_port_that_docker_holds_without_a_container_is_freed_by_its_restart(
    machine: Machine,
) -> None:
    commands = FakeCommands(machine, "systemctl")
    machine.environment["PATH"] = f"{FAKES}:{machine.environment['PATH']}"
    machine.set_docker(half_made(run=HELD, info=[0, "true"]))
    assert run(machine).code == 0
    assert commands.lines() == ["systemctl restart docker"]


def test_docker_is_not_restarted_where_its_containers_would_stop(machine: Machine) -> None:
    machine.set_docker(half_made(run=HELD, info=[0, "false"]))
    ended = run(machine)
    assert ended.code == 1
    assert f"Docker holds the port of {NAME}, which is gone" in ended.err
    assert "systemctl restart docker" in ended.err


def test_a_release_that_has_traffic_is_never_removed(machine: Machine) -> None:
    machine.set_docker({"answers": {"container inspect": [0, json_of(container())]}})
    machine.nft_file.write_text('{"10001": 20001}')
    ended = run(machine)
    assert ended.code == 1
    assert f"{NAME} serves, but the stack's state does not know it" in ended.err
    assert "raise `revision`" in ended.err
    assert len(machine.docker_calls()) == 1


@pytest.mark.parametrize("kind", ["container", "network"])
def test_what_belongs_to_others_is_never_removed(machine: Machine, kind: str) -> None:
    found = {"Labels": {}} if kind == "network" else container(system="other-production")
    machine.set_docker({"answers": {f"{kind} inspect": [0, json_of(found)]}})
    ended = run(machine, kind)
    assert ended.code == 1
    assert f"there is a {kind} {NAME} on this host, which is not of {SYSTEM}" in ended.err
    assert len(machine.docker_calls()) == 1


def test_a_network_of_the_stack_is_removed(machine: Machine) -> None:
    found = json_of({"Labels": {"homeport.system": SYSTEM}})
    machine.set_docker({"answers": {"network inspect": [0, found]}})
    assert run(machine, "network").code == 0
    assert machine.docker_calls()[1:] == [["network", "rm", NAME]]


def test_a_docker_that_is_starting_is_waited_for(machine: Machine) -> None:
    away = [1, "Cannot connect to the Docker daemon"]
    gone = [1, "Error: No such container"]
    machine.set_docker({"answers": {"container inspect": [away, gone]}})
    assert run(machine).code == 0
    assert len(machine.docker_calls()) == 2


def json_of(found: dict[str, Any]) -> str:
    return json.dumps([found])
