"""A server that is replaced: in the real engine, against the API stand-in, with steps on paper."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Engine
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.service import TOKEN, Service, Stage

pytestmark = pytest.mark.engine
PROGRAM = Path(__file__).with_name("replaced_program.py")
STEPS = ["server-bootstrap", "server-baseline", "data", "app", "elsewhere"]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    running = Stage()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def service(stage: Stage, tmp_path: Path) -> Iterator[Service]:
    with stage.serving(tmp_path / "cloud.sqlite", MemoryMachinery()) as running:
        yield running


@dataclasses.dataclass
class Stack:
    """The stack, the cloud that it leads to, and the file in which its steps are written down."""

    engine: Engine
    folder: Path
    service: Service
    log: Path

    def set(self, **values: str) -> None:
        for key, value in values.items():
            self.engine.run("config", "set", key, value, cwd=self.folder)

    def run(self, *arguments: str) -> tuple[int, str]:
        self.log.write_text("")
        agreed = [] if arguments[0] == "preview" else ["--yes", "--skip-preview"]
        to = {"HCLOUD_TOKEN": TOKEN, "HCLOUD_ENDPOINT": self.service.endpoint}
        done = self.engine.run(
            *arguments, *agreed, cwd=self.folder, env=to, check=False, timeout_seconds=300
        )
        return done.returncode, done.stdout + done.stderr

    def succeed(self, *arguments: str) -> str:
        code, said = self.run(*arguments)
        assert code == 0, said
        return said

    def fail(self, *arguments: str) -> str:
        code, said = self.run(*arguments)
        assert code != 0, said
        return said

    @property
    def ran(self) -> dict[str, list[str]]:
        """The steps of the last operation by what they did and where, in order."""
        found: dict[str, list[str]] = {}
        for line in self.log.read_text().splitlines():
            verb, name, host = line.split()
            found.setdefault(f"{verb} {host}", []).append(name)
        return found

    @property
    def address(self) -> str:
        return str(self.engine.outputs(self.folder)["address"])

    def machine(self) -> tuple[int, str]:
        """Return number and place of the only server, which has the only IPv4 address."""
        [server] = self.service.client().servers.get_all()
        [address] = [ip for ip in self.service.client().primary_ips.get_all() if ip.type == "ipv4"]
        assert address.assignee_id == server.id
        assert address.ip == self.address
        assert server.id
        assert server.location
        return server.id, str(server.location.name)


@pytest.fixture
def stack(engine: Engine, service: Service, tmp_path: Path) -> Stack:
    folder = engine.project(tmp_path / "project", PROGRAM.read_text())
    made = Stack(engine, folder, service, tmp_path / "ran")
    made.set(location="fsn1", protect="false", log=str(made.log))
    made.succeed("up")
    assert sorted(made.ran[f"up {made.address}"]) == sorted(STEPS)
    return made


def test_another_place_is_another_machine_on_which_everything_is_made_anew(stack: Stack) -> None:
    stack.set(volume_gib="10")
    stack.succeed("up")
    before, (number, place) = stack.address, stack.machine()
    assert place == "fsn1"
    stack.set(location="nbg1")
    warned = stack.succeed("preview")
    assert "the one in fsn1 is deleted, with its address, its volume and everything" in warned
    assert "before the one in nbg1 is made" in warned
    assert "nothing serves meanwhile" in stack.succeed("up")
    after, (moved, there) = stack.address, stack.machine()
    assert (after != before, moved != number, there) == (True, True, "nbg1")
    assert set(stack.ran) == {f"up {after}"}, "nothing is removed one by one from the old machine"
    assert sorted(stack.ran[f"up {after}"]) == sorted(STEPS)
    [volume] = stack.service.client().volumes.get_all()
    assert volume.location
    assert volume.location.name == "nbg1"
    assert volume.server
    assert volume.server.id == moved
    stack.succeed("up", "--expect-no-changes")
    stack.succeed("destroy")
    assert stack.service.remaining() == {}


def test_a_server_that_is_replaced_by_hand_keeps_address_and_volume_and_gets_everything(
    stack: Stack,
) -> None:
    stack.set(volume_gib="10", container="true")
    stack.succeed("up")
    [volume] = stack.service.client().volumes.get_all()
    before, (number, _) = stack.address, stack.machine()
    stack.succeed("up", "--replace", "**::server-server")
    assert stack.address == before
    assert stack.machine()[0] != number
    [kept] = stack.service.client().volumes.get_all()
    assert kept.id == volume.id
    assert kept.server
    assert kept.server.id == stack.machine()[0]
    assert set(stack.ran) == {f"up {before}"}
    assert sorted(stack.ran[f"up {before}"]) == sorted({*STEPS, "container"} - {"elsewhere"})
    stack.succeed("up", "--expect-no-changes")


def test_a_server_that_somebody_deleted_is_made_again_with_everything(stack: Stack) -> None:
    before, (number, _) = stack.address, stack.machine()
    stack.service.client().servers.get_by_id(number).delete().wait_until_finished()
    stack.succeed("refresh", "--target", "**::server-server")
    stack.succeed("up")
    assert stack.address == before
    assert stack.machine()[0] != number
    assert set(stack.ran) == {f"up {before}"}
    assert sorted(stack.ran[f"up {before}"]) == sorted(set(STEPS) - {"elsewhere"})
    stack.succeed("up", "--expect-no-changes")


def test_a_move_that_ends_in_between_is_finished_by_the_next_up(stack: Stack) -> None:
    stack.set(location="nbg1")
    stack.service.fault(
        "http_error",
        match={"method": "POST", "path": "/v1/servers"},
        status=403,
        code="resource_limit_exceeded",
        message="server limit exceeded",
    )
    assert "server limit exceeded" in stack.fail("up")
    assert stack.service.client().servers.get_all() == []
    stack.set(failing="data")
    stack.fail("up")
    assert stack.machine()[1] == "nbg1"
    assert set(stack.ran) == {f"up {stack.address}"}
    stack.set(failing="none")
    stack.succeed("up")
    assert set(stack.ran) == {f"up {stack.address}"}
    assert {"data", "app"} <= set(stack.ran[f"up {stack.address}"])
    stack.succeed("up", "--expect-no-changes")


def test_a_protected_server_does_not_move_and_the_preview_says_why(stack: Stack) -> None:
    stack.set(protect="true")
    stack.succeed("up")
    before = stack.machine()
    for protect in ("true", "false"):
        # Not in one go either: the deletion of the old one would still be locked.
        stack.set(protect=protect, location="nbg1")
        for operation in ("preview", "up"):
            said = stack.fail(operation)
            assert "server.location: is fsn1 and server.protect is on (got nbg1)" in said
            assert "set server.protect to false, run `pulumi up`" in said
            assert stack.ran == {}
    assert stack.machine() == before
    stack.set(location="fsn1")
    stack.succeed("up")
    stack.set(location="nbg1")
    stack.succeed("up")
    assert stack.machine()[1] == "nbg1"


def test_protected_data_on_a_server_refuses_before_anything_is_deleted(stack: Stack) -> None:
    stack.set(protect_data="true")
    stack.succeed("up")
    before = stack.machine()
    stack.set(location="nbg1")
    for arguments in (["preview"], ["up"], ["up", "--replace", "**::server-server"]):
        said = stack.fail(*arguments)
        assert "::data" in said
        assert "marked for protection" in said
        assert stack.ran == {}
        assert stack.machine() == before


def test_what_leaves_the_program_is_still_removed_one_by_one(stack: Stack) -> None:
    stack.set(extra="true")
    stack.succeed("up")
    stack.set(extra="false")
    stack.succeed("up")
    assert stack.ran == {f"down {stack.address}": ["extra"]}
