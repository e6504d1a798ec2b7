"""The tool `route`, as a real process: real sockets, a fake nft and a fake docker."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import SYSTEM, Machine

RUNNING = {"State": {"Status": "running", "Running": True, "ExitCode": 0}, "RestartCount": 0}
CONTAINER = f"{SYSTEM}-web-bbbb2222"


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers every request as its server says."""

    server: "Release"

    def do_GET(self) -> None:
        self.server.asked += 1
        statuses = self.server.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        self.send_response(status)
        self.send_header("X-Release", self.server.release)
        body = f"host {self.headers['Host']}, agent {self.headers['User-Agent']}".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Release(http.server.ThreadingHTTPServer):
    """A release that answers with these statuses, one after the other; the last one stays."""

    def __init__(self, release: str, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.release, self.statuses, self.asked = release, statuses, 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextlib.contextmanager
def release(name: str = "bbbb2222", statuses: list[int] | None = None) -> Iterator[Release]:
    server = Release(name, statuses or [200])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.set_docker({"containers": {CONTAINER: RUNNING}})
    return made


def spec(server: Release, stable: int, **changes: Any) -> dict[str, Any]:
    health = {"path": "/up", "status": 200, "successes": 3, "try_seconds": 1, "start_seconds": 5}
    return {
        "app": "web",
        "release": "bbbb2222",
        "instance": {"kind": "docker", "name": CONTAINER},
        "stable_port": stable,
        "release_port": server.port,
        "health": {**health, **changes.pop("health", {})},
        "drain_seconds": 2,
        **changes,
    }


def listening(machine: Machine, *ports: int, established: int = 0) -> None:
    """Write the socket table that the tool reads: listeners, and connections to the first port."""
    rows = [(port, "0A") for port in ports] + [(ports[0], "01")] * established
    lines = [
        f"  {i}: 0100007F:{port:04X} 00000000:0000 {st} x" for i, (port, st) in enumerate(rows)
    ]
    machine.write("/proc/net/tcp", "\n".join(["  sl  local_address", *lines]) + "\n")


# The fake nft redirects nothing, so here the stable port is the port of whoever should answer.
def test_a_healthy_release_gets_the_traffic_and_the_map_is_kept_for_the_next_boot(
    machine: Machine,
) -> None:
    with release() as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, server.port))
    assert (ended.code, ended.err) == (0, "")
    assert machine.routes() == {server.port: server.port}
    kept = (machine.stack / "nft/routes.nft").read_text()
    assert kept.startswith("add table ip homeport_shop_staging\ndelete table ip homeport_shop_")
    assert f"elements = {{ {server.port} : {server.port} }}" in kept
    assert ended.report["before"] is None
    assert ended.report["live"] == server.port
    assert {"gate_seconds", "switch_seconds", "try_seconds", "total_seconds"} <= set(ended.report)
    receipt = machine.receipt("route-web-bbbb2222")
    assert receipt
    assert receipt["release_port"] == server.port


@pytest.mark.parametrize(
    ("address", "closed"),
    [
        ("0100007F", True),
        ("3500007F", True),
        ("00000000", False),
        ("0100000A", False),
        ("00000000000000000000000001000000", True),
        ("0000000000000000FFFF00000100007F", True),
        ("00000000000000000000000000000000", False),
        ("0000000000000000FFFF00000100000A", False),
    ],
)
def test_a_release_that_others_could_reach_past_the_proxy_gets_no_traffic(
    machine: Machine, address: str, closed: bool
) -> None:
    with release() as server:
        rows = f"  sl  local_address\n  0: {address}:{server.port:04X} 0:0 0A x\n"
        machine.write("/proc/net/tcp" + "6" * (len(address) > 8), rows)
        ended = machine.run("route", "up", spec(server, server.port))
    assert (ended.code == 0) is closed, ended.err
    if not closed:
        assert f"listens on port {server.port} for everybody" in ended.err
        assert "next: let it listen on 127.0.0.1" in ended.err
        assert machine.routes() is None


def test_a_stable_port_at_which_something_else_listens_is_left_to_it(machine: Machine) -> None:
    with release() as server:
        listening(machine, server.port, 10007)
        ended = machine.run("route", "up", spec(server, 10007))
        assert server.asked == 0
    assert ended.code == 1
    assert "something else listens at 10007, the stable port of web" in ended.err
    assert "`ss -ltnp 'sport = :10007'`" in ended.err
    assert machine.routes() is None


def test_health_has_to_hold_several_times_in_a_row(machine: Machine) -> None:
    with release(statuses=[503, 200, 200, 503, 200]) as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, server.port))
    assert ended.code == 0
    # Two good answers before the bad one do not count; then three, and one through the stable port.
    assert server.asked == 8


def test_the_gate_sends_its_headers_and_looks_into_the_body(machine: Machine) -> None:
    health = {"contains": "host shop.example.com", "headers": {"Host": "shop.example.com"}}
    with release() as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, server.port, health=health))
    assert (ended.code, ended.err) == (0, "")


def test_a_body_without_what_it_should_hold_is_not_healthy(machine: Machine) -> None:
    health = {"contains": "ready", "start_seconds": 0.6, "try_seconds": 0.5}
    with release() as server:
        ended = machine.run("route", "up", spec(server, 10007, health=health))
    assert "gave 200 without 'ready' in its body" in ended.err
    assert not machine.routes()


def test_a_release_that_never_gets_healthy_leaves_the_map_alone(machine: Machine) -> None:
    machine.nft_file.write_text('{"10007": 20007}')
    machine.set_docker(
        {
            "containers": {CONTAINER: RUNNING},
            "answers": {"logs": [0, "starting\ncannot reach the database\n"]},
        }
    )
    with release(statuses=[503]) as server:
        ended = machine.run(
            "route", "up", spec(server, 10007, health={"start_seconds": 0.6, "try_seconds": 0.5})
        )
    assert ended.code == 1
    assert machine.routes() == {10007: 20007}
    assert "the route step: release bbbb2222 was not healthy within 0.6 s" in ended.err
    assert f"GET /up on its port {server.port} gave 503" in ended.err
    assert "cannot reach the database" in ended.err
    assert "next: mend the release or raise health.start_seconds" in ended.err
    assert machine.receipt("route-web-bbbb2222") is None


def test_a_container_that_ended_fails_at_once_with_its_last_words_and_no_secret(
    machine: Machine,
) -> None:
    folder = machine.write("/opt/homeport/shop-staging/apps/web/x/secrets/TOKEN", "s3cr3t/value")
    ended_state = {"Status": "exited", "Running": False, "ExitCode": 70}
    inside = str(folder.parent).removeprefix(str(machine.root))
    mounts = [{"Destination": "/run/secrets", "Source": inside}]
    machine.set_docker(
        {
            "containers": {CONTAINER: {"State": ended_state, "RestartCount": 0, "Mounts": mounts}},
            "answers": {"logs": [0, "no login with s3cr3t/value or s3cr3t%2Fvalue\n"]},
        }
    )
    with release(statuses=[503]) as server:
        ended = machine.run("route", "up", spec(server, 10007, health={"start_seconds": 30}))
    assert ended.code == 1
    assert f"{CONTAINER} ended with exit code 70" in ended.err
    assert "no login with [TOKEN] or [TOKEN]" in ended.err
    assert "s3cr3t" not in ended.err


def test_a_container_that_ends_again_and_again_is_given_up_early(machine: Machine) -> None:
    state = {"Status": "restarting", "ExitCode": 1}
    looks = [[0, json.dumps([{"State": state, "RestartCount": n}])] for n in (0, 1, 3)]
    machine.set_docker({"answers": {"inspect": looks, "logs": [0, "Traceback\n"]}})
    with release(statuses=[503]) as server:
        ended = machine.run("route", "up", spec(server, 10007, health={"start_seconds": 30}))
    assert ended.code == 1
    assert "exit code 1, 3 times by now" in ended.err


def test_a_slow_start_with_restarts_says_so(machine: Machine) -> None:
    state = {"Status": "running", "Running": True}
    looks = [[0, json.dumps([{"State": state, "RestartCount": n}])] for n in (0, 1)]
    machine.set_docker({"answers": {"inspect": looks, "logs": [0, ""]}})
    with release(statuses=[503]) as server:
        health = {"start_seconds": 0.6, "try_seconds": 0.5}
        ended = machine.run("route", "up", spec(server, 10007, health=health))
    assert "gave 503 (it ended and was started again: 1)" in ended.err


def test_a_container_over_its_memory_limit_says_so(machine: Machine) -> None:
    state = {"Status": "exited", "ExitCode": 137, "OOMKilled": True}
    machine.set_docker({"containers": {CONTAINER: {"State": state, "RestartCount": 0}}})
    with release(statuses=[503]) as server:
        ended = machine.run("route", "up", spec(server, 10007))
    assert "next: raise memory_mib" in ended.err


def test_a_container_that_is_gone_is_told_apart_from_a_sick_one(machine: Machine) -> None:
    machine.set_docker({})
    with release() as server:
        ended = machine.run("route", "up", spec(server, 10007))
    assert ended.code == 1
    assert f"there is no {CONTAINER} on this host" in ended.err
    assert "pulumi refresh" in ended.err


def test_a_release_that_does_not_arrive_at_the_stable_port_loses_it_again(machine: Machine) -> None:
    with release() as server, release("aaaa1111") as old:
        machine.nft_file.write_text(f'{{"{old.port}": {old.port}}}')
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, old.port))
    assert ended.code == 1
    assert "gave an answer of release aaaa1111" in ended.err
    assert "the release before serves again" in ended.err
    assert machine.routes() == {old.port: old.port}
    assert machine.receipt("route-web-bbbb2222") is None


def test_a_firewall_that_refuses_is_named(machine: Machine) -> None:
    machine.environment["FAKE_NFT_REFUSES"] = "1"
    with release() as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, server.port))
    assert ended.code == 1
    assert "Operation not permitted" in ended.err
    assert "nft list ruleset" in ended.err


def test_a_port_without_a_listener_of_the_host_could_not_be_drained(machine: Machine) -> None:
    with release() as server:
        listening(machine, 1)
        ended = machine.run("route", "up", spec(server, server.port))
    assert ended.code == 1
    assert "userland-proxy" in ended.err


def test_other_apps_keep_their_routes(machine: Machine) -> None:
    machine.nft_file.write_text('{"10007": 20007}')
    with release() as server:
        listening(machine, server.port)
        assert machine.run("route", "up", spec(server, server.port)).code == 0
        assert machine.routes() == {10007: 20007, server.port: server.port}
        assert machine.run("route", "down", spec(server, server.port)).code == 0
    assert machine.routes() == {10007: 20007}


def test_a_release_without_the_agreed_environment_gets_no_traffic(machine: Machine) -> None:
    running = {**RUNNING, "State": {**RUNNING["State"], "Pid": 4711}}  # type: ignore[dict-item]
    machine.set_docker({"containers": {CONTAINER: running}})
    machine.write("/proc/4711/environ", "EMAIL_REDIRECT_TO=me@example.com\0")
    machine.nft_file.write_text('{"10007": 20007}')
    contract = [{"name": "EMAIL_REDIRECT_TO", "presence": "forbidden", "secret": None}]
    with release() as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, 10007, contract=contract))
    assert ended.code == 1
    assert "EMAIL_REDIRECT_TO is set and must not be" in ended.err
    assert machine.routes() == {10007: 20007}


def test_going_takes_the_last_route_and_leaves_nothing_behind(machine: Machine) -> None:
    with release() as server:
        listening(machine, server.port)
        machine.run("route", "up", spec(server, server.port))
        ended = machine.run("route", "down", spec(server, server.port))
    assert ended.code == 0
    assert machine.routes() is None
    assert not (machine.stack / "nft/routes.nft").exists()
    assert machine.receipt("route-web-bbbb2222") is None


def test_a_live_release_with_a_site_does_not_go_when_nobody_could_take_over(
    machine: Machine,
) -> None:
    machine.nft_file.write_text('{"10007": 20008}')
    machine.write_receipt("site-shop", {"meta": {"ports": [10007], "hostnames": ["shop.test"]}})
    with release() as server:
        ended = machine.run("route", "down", {**spec(server, 10007), "release_port": 20008})
    assert ended.code == 1
    assert "release bbbb2222 of web serves shop.test" in ended.err
    assert "remove the site first" in ended.err
    assert machine.routes() == {10007: 20008}


def test_a_live_release_that_goes_hands_over_to_a_healthy_one(machine: Machine) -> None:
    machine.write_receipt("site-shop", {"meta": {"ports": [10007]}})
    with release("aaaa1111") as good, release("cccc3333", [503]) as sick, release() as server:
        machine.nft_file.write_text(f'{{"10007": {server.port}}}')
        for other in (good, sick):
            known = {**spec(other, 10007), "release": other.release}
            machine.write_receipt(f"route-web-{other.release}", known)
        ended = machine.run("route", "down", spec(server, 10007))
    assert ended.code == 0
    assert machine.routes() == {10007: good.port}
    assert ended.report["moved_to"] == good.port


def test_a_release_that_is_not_live_just_drains(machine: Machine) -> None:
    machine.nft_file.write_text('{"10007": 20999}')
    with release() as server:
        listening(machine, server.port, established=2)
        process = machine.start("route", "down", spec(server, 10007, drain_seconds=30))
        with pytest.raises(Exception, match="timed out"):
            process.wait(timeout=0.7)
        listening(machine, server.port)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert '"connections_cut": 0' in out
    assert machine.routes() == {10007: 20999}


def test_connections_that_do_not_end_are_cut_when_time_is_up(machine: Machine) -> None:
    with release() as server:
        listening(machine, server.port, established=2)
        ended = machine.run("route", "down", spec(server, 10007, drain_seconds=0.3))
    assert ended.code == 0
    assert ended.report["connections_cut"] == 2


def kills(machine: Machine) -> list[list[str]]:
    return [call for call in machine.docker_calls() if call[0] == "kill"]


def test_a_release_that_ends_its_connections_itself_is_told_to_go_and_waited_for(
    machine: Machine,
) -> None:
    state = {**RUNNING, "Config": {"StopSignal": "SIGQUIT"}}
    machine.set_docker({"containers": {CONTAINER: state}})
    with release() as server:
        listening(machine, server.port, established=2)
        going = spec(server, 10007, drain_seconds=30, graceful_stop=True)
        process = machine.start("route", "down", going)
        while not kills(machine):
            assert process.poll() is None
        listening(machine, server.port)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["connections_cut"] == 0
    assert kills(machine) == [["kill", "--signal=SIGQUIT", CONTAINER]]


@pytest.mark.parametrize(("graceful", "open_"), [(True, 0), (False, 2)])
def test_nobody_is_told_to_go_without_need(machine: Machine, graceful: bool, open_: int) -> None:
    with release() as server:
        listening(machine, server.port, established=open_)
        going = spec(server, 10007, drain_seconds=0.3, graceful_stop=graceful)
        assert machine.run("route", "down", going).report["connections_cut"] == open_
    assert kills(machine) == []


def test_a_release_that_was_told_to_go_is_started_again_when_it_is_wanted_after_all(
    machine: Machine,
) -> None:
    ended_state = {**RUNNING, "State": {"Status": "exited", "Running": False, "ExitCode": 0}}
    looks = [[0, json.dumps([found])] for found in (ended_state, RUNNING)]
    machine.set_docker({"answers": {"inspect": looks}})
    with release() as server:
        listening(machine, server.port)
        ended = machine.run("route", "up", spec(server, server.port))
    assert (ended.code, ended.err) == (0, "")
    assert ["start", CONTAINER] in machine.docker_calls()


def test_nothing_is_switched_for_a_deploy_that_has_ended(machine: Machine) -> None:
    with release(statuses=[503]) as server:
        listening(machine, server.port)
        with machine.start("route", "up", spec(server, server.port)) as alone:
            assert alone.stdout
            alone.stdout.close()
            assert alone.stderr
            said = alone.stderr.read()
            alone.wait(timeout=60)
    assert alone.returncode == 1
    assert "the deploy that started this step has ended" in said
    assert machine.routes() is None


def side(stable: int, own: int) -> dict[str, Any]:
    return {"side_ports": [{"name": "events", "stable_port": stable, "release_port": own}]}


def test_side_ports_come_and_go_with_the_main_one_in_the_same_transactions(
    machine: Machine,
) -> None:
    machine.write_receipt("site-shop", {"meta": {"ports": [10007, 10008]}})
    with release("aaaa1111") as old, release() as new:
        machine.nft_file.write_text(f'{{"10007": {old.port}, "10008": 20501}}')
        known = {**spec(old, new.port), "release": "aaaa1111", **side(10008, 20501)}
        machine.write_receipt("route-web-aaaa1111", known)
        listening(machine, new.port, 20502)
        ended = machine.run("route", "up", {**spec(new, new.port), **side(10008, 20502)})
        assert (ended.code, ended.err) == (0, "")
        assert machine.routes() == {10007: old.port, new.port: new.port, 10008: 20502}
        # The new one goes after all: the old one has both again.
        gone = machine.run("route", "down", {**spec(new, new.port), **side(10008, 20502)})
    assert gone.code == 0
    assert machine.routes() == {10007: old.port, new.port: old.port, 10008: 20501}


def test_a_release_whose_side_port_nobody_listens_at_gets_no_traffic(machine: Machine) -> None:
    machine.nft_file.write_text('{"10007": 20007, "10008": 20008}')
    with release() as server:
        listening(machine, server.port)
        changes = spec(server, 10007, health={"start_seconds": 1})
        ended = machine.run("route", "up", {**changes, **side(10008, 20502)})
    assert ended.code == 1
    assert "an answer, but nothing listens at its side port events" in ended.err
    assert machine.routes() == {10007: 20007, 10008: 20008}


def test_a_switch_that_fails_leads_side_ports_back_too(machine: Machine) -> None:
    machine.nft_file.write_text('{"10007": 20007, "10008": 20008}')
    with release() as server:
        listening(machine, server.port, 20502)
        # Nothing answers at the stable port, since the fake map redirects nothing.
        ended = machine.run("route", "up", {**spec(server, 10007), **side(10008, 20502)})
    assert ended.code == 1
    assert "not where its traffic arrives" in ended.err
    assert machine.routes() == {10007: 20007, 10008: 20008}


def test_a_side_port_that_the_next_release_no_longer_has_leads_nowhere(machine: Machine) -> None:
    with release() as server:
        machine.nft_file.write_text('{"10007": 20999, "10008": 20502}')
        going = {**spec(server, 10007), **side(10008, 20502)}
        ended = machine.run("route", "down", going)
    assert ended.code == 0
    assert machine.routes() == {10007: 20999}


def test_connections_of_side_ports_are_waited_for(machine: Machine) -> None:
    machine.nft_file.write_text('{"10007": 20999}')
    with release() as server:
        listening(machine, 20502, established=3)
        going = spec(server, 10007, drain_seconds=0.3)
        ended = machine.run("route", "down", {**going, **side(10008, 20502)})
    assert ended.report["connections_cut"] == 3


def test_a_stable_side_port_at_which_something_else_listens_is_left_to_it(
    machine: Machine,
) -> None:
    with release() as server:
        listening(machine, server.port, 10008)
        ended = machine.run("route", "up", {**spec(server, server.port), **side(10008, 20502)})
    assert ended.code == 1
    assert "something else listens at 10008, the stable port of web" in ended.err
