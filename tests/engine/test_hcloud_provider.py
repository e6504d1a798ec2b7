"""The official provider against the API stand-in: the second conformance test after the client."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.hcloud_stack import Engine, HcloudStack, open_stack
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.service import Service, Stage

pytestmark = pytest.mark.engine


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


@pytest.fixture
def stack(engine: Engine, service: Service, tmp_path: Path) -> HcloudStack:
    return open_stack(engine, tmp_path / "project", service)


def test_every_resource_lives_through_up_no_op_resize_refresh_and_destroy(
    service: Service, stack: HcloudStack
) -> None:
    machinery = service.machinery
    stack.succeed("up")
    [spec] = machinery.servers.values()
    assert str(spec.ipv4) == stack.output("address")
    ports = {rule.port for rule in machinery.rules[spec.id] or ()}
    assert ports == {"22", "443", "8000-8100", None}
    assert list(machinery.private.values()) == [ipaddress.IPv4Address("10.0.1.5")]
    assert list(machinery.attached.values()) == [spec.id]
    assert machinery.reverse == {spec.ipv4: "www.example.org"}
    records = {(item.name, item.type): item.values for item in machinery.zones["example.org"]}
    assert records == {("www", "A"): (str(spec.ipv4),), ("@", "TXT"): ('"v=spf1 -all"',)}
    [(_, services, targets)] = machinery.balancers.values()
    assert sorted(item.listen_port for item in services) == [80, 443]  # type: ignore[attr-defined]
    assert targets == (spec.ipv4,)

    stack.succeed("up", "--expect-no-changes")
    stack.succeed("refresh", "--expect-no-changes")

    stack.set("server_type", "cx33")
    assert "~ 1 updated" in stack.succeed("up")
    assert machinery.sizes[spec.id] == (4, 8192)
    assert spec.id in machinery.running
    stack.succeed("refresh", "--expect-no-changes")

    refused = stack.fail("destroy")
    assert "server is protected against deletion" in refused
    assert spec.id in machinery.servers
    stack.set("protected", "false")
    stack.succeed("up")
    stack.succeed("destroy")
    assert machinery.leftovers() == {}
    assert service.remaining() == {}


def test_a_rate_limit_is_retried(service: Service, stack: HcloudStack) -> None:
    service.fault("rate_limit", match={"method": "POST", "path": "/v1/zones"}, times=2)
    service.fault("rate_limit", match={"method": "GET", "path": "/v1/actions"}, times=1)
    stack.succeed("up")
    limited = [item["path"] for item in service.requests() if item["status"] == 429]
    assert limited.count("/v1/zones") == 2
    stack.succeed("up", "--expect-no-changes")


def test_a_failed_order_is_reported_and_the_next_up_with_refresh_converges(
    service: Service, stack: HcloudStack
) -> None:
    stack.set("protected", "false")
    service.fault("action_failed", match={"command": "create_server"}, message="host is on fire")
    assert "host is on fire" in stack.fail("up")
    assert service.remaining().get("servers") is None
    # The engine has the id of the order that failed, and has to see first that it leads nowhere.
    stack.succeed("up", "--refresh")
    assert len(service.machinery.servers) == 1
    stack.succeed("up", "--expect-no-changes")


def test_an_order_that_is_refused_says_why(service: Service, stack: HcloudStack) -> None:
    service.fault(
        "http_error",
        match={"method": "POST", "path": "/v1/servers"},
        status=403,
        code="resource_limit_exceeded",
        message="server limit exceeded",
    )
    assert "server limit exceeded (resource_limit_exceeded" in stack.fail("up")
    stack.set("server_type", "cx99")
    assert "server type cx99 not found" in stack.fail("up")


def test_drift_is_seen_by_refresh_and_repaired_by_up(service: Service, stack: HcloudStack) -> None:
    stack.succeed("up")
    client = service.client()
    client.firewalls.get_by_name("web").set_rules([])
    client.zones.get("example.org").get_rrset("www", "A").delete_rrset()
    service.settle()
    [spec] = service.machinery.servers.values()
    assert service.machinery.rules[spec.id] == ()
    seen = stack.succeed("preview", "--refresh", "--json")
    assert '"update": 1' in seen
    assert '"create": 1' in seen
    stack.succeed("up", "--refresh")
    assert len(service.machinery.rules[spec.id] or ()) == 4
    assert service.machinery.zones["example.org"][-1].name == "www"
