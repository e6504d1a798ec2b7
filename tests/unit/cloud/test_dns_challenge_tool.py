"""The tool `dnschallenge`, on the stand-in for the vendor's API and a name server of the test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.rcode
import pytest
from hcloud import Client
from hcloud.zones import BoundZone

from tests.processes.fake_commands import FakeCommands
from tests.processes.name_server import NameServer, Records, serving
from tests.processes.tool_runner import Ended, Machine
from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.service import TOKEN, Service
from tests.unit.cloud.test_zones import a, make, values

NAME = "_acme-challenge.shop"
DYNAMIC = {
    "kind": "rfc2136",
    "server": "ns.example.org",
    "key_name": "updates",
    "algorithm": "hmac-sha256",
    "key": "c2VjcmV0\n",
}


@pytest.fixture
def zone(client: Client) -> BoundZone:
    return make(client)


@pytest.fixture
def names(machinery: MemoryMachinery) -> Iterator[NameServer]:
    """Serves what the cloud's machinery was told to serve."""

    def records(name: str, kind: str) -> list[str]:
        if kind == "NS":
            return ["localhost."]
        relative = name.removesuffix(".example.org")
        served = machinery.zones.get("example.org", ())
        sets = [each.values for each in served if (each.name, each.type) == (relative, kind)]
        return [value for found in sets for value in found]

    yield from serving(records)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.write("/etc/resolv.conf", "search example.net\nnameserver 127.0.0.1\n")
    return made


def answering(value: str) -> Records:
    """Return records of a zone whose server has one value for every name."""
    return lambda _name, kind: ["localhost."] if kind == "NS" else [value]


def run(
    machine: Machine, service: Service, names: NameServer, verb: str, value: str, **more: Any
) -> Ended:
    machine.environment |= {"CERTBOT_DOMAIN": "shop.example.org", "CERTBOT_VALIDATION": value}
    hetzner = {"kind": "hetzner", "token": TOKEN, "endpoint": service.endpoint}
    where = {"port": names.port, "pause": 0.01, "seconds": 10}
    spec = {"zone": "example.org", **hetzner, **where, **more}
    return machine.run("dnschallenge", verb, spec)


def test_two_questions_about_one_name_share_a_record_set_with_what_was_there(
    machine: Machine,
    service: Service,
    names: NameServer,
    zone: BoundZone,
    machinery: MemoryMachinery,
) -> None:
    zone.create_rrset(name=NAME, type="TXT", ttl=600, records=a('"theirs"'))
    for value in ("apex", "wildcard", "wildcard"):
        ended = run(machine, service, names, "up", value)
        assert (ended.code, ended.err) == (0, "")
    everything = ('"theirs"', '"apex"', '"wildcard"')
    assert values(machinery, NAME, "TXT") == [(600, everything)]
    for value in ("apex", "wildcard", "wildcard"):
        assert run(machine, service, names, "down", value).code == 0
    service.settle()
    assert values(machinery, NAME, "TXT") == [(600, ('"theirs"',))]


def test_without_other_values_nothing_is_left_of_the_record_set(
    machine: Machine,
    service: Service,
    names: NameServer,
    zone: BoundZone,
    machinery: MemoryMachinery,
) -> None:
    assert run(machine, service, names, "up", "apex").code == 0
    assert values(machinery, NAME, "TXT", zone.name or "") == [(60, ('"apex"',))]
    assert run(machine, service, names, "down", "apex").code == 0
    service.settle()
    assert values(machinery, NAME, "TXT") == []


@pytest.mark.usefixtures("zone")
def test_an_api_that_is_busy_is_asked_again(
    machine: Machine, service: Service, names: NameServer
) -> None:
    match = {"method": "POST", "path": "*add_records"}
    service.fault("rate_limit", match=match, times=2)
    assert run(machine, service, names, "up", "apex").code == 0


def test_it_ends_only_when_the_zones_own_servers_have_the_answer(
    machine: Machine, service: Service, zone: BoundZone, machinery: MemoryMachinery
) -> None:
    late: list[int] = []

    def records(_name: str, kind: str) -> list[str]:
        if kind == "NS":
            return ["localhost."]
        late.append(1)
        return ['"old"', '"apex"'] if len(late) > 3 else ['"old"']

    for names in serving(records):
        assert run(machine, service, names, "up", "apex").code == 0
        one_round = [(zone.name, "NS"), (f"{NAME}.{zone.name}", "TXT")]
        assert names.asked == one_round * 4
    assert values(machinery, NAME, "TXT") == [(60, ('"apex"',))]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"token": "wrong"},
            ["refuses a change of zone example.org with 401", "next: give the challenge a token"],
        ),
        (
            {"zone": "example.net"},
            [
                "refuses a change of zone example.net with 404",
                "a token of the one with example.net",
            ],
        ),
        ({"endpoint": "http://127.0.0.1:9"}, ["the DNS API does not answer about zone example"]),
    ],
)
@pytest.mark.usefixtures("zone")
def test_an_error_names_host_step_zone_and_cure_and_no_token(
    machine: Machine, service: Service, names: NameServer, more: dict[str, Any], said: list[str]
) -> None:
    ended = run(machine, service, names, "up", "apex", **more)
    assert ended.code == 1
    assert "the dnschallenge step: " in ended.err
    for text in said:
        assert text in ended.err
    assert TOKEN not in ended.err


@pytest.mark.usefixtures("zone")
def test_a_domain_that_is_delegated_elsewhere_is_said(machine: Machine, service: Service) -> None:
    for names in serving(answering('"other"')):
        ended = run(machine, service, names, "up", "apex", seconds=0.1)
        assert ended.code == 1
        assert f"do not have {NAME}.example.org yet" in ended.err
        assert "localhost: has other" in ended.err
        names.rcode = dns.rcode.REFUSED
        ended = run(machine, service, names, "up", "apex", seconds=0.1)
        assert "127.0.0.1 answers REFUSED for" in ended.err
        assert "next: see that these are the zone's servers (`dig NS example.org`)" in ended.err


def test_updates_are_signed_and_the_key_is_in_no_command_line(
    machine: Machine, service: Service
) -> None:
    commands = FakeCommands(machine, "nsupdate")
    for names in serving(answering('"apex"')):
        for verb in ("up", "down"):
            assert run(machine, service, names, verb, "apex", **DYNAMIC).code == 0
    changes = [
        'add _acme-challenge.shop.example.org. 60 TXT "apex"',
        'delete _acme-challenge.shop.example.org. TXT "apex"',
    ]
    for call, change in zip(commands.calls(), changes, strict=True):
        assert call.line == "nsupdate -v -t 30"
        assert call.stdin == (
            "key hmac-sha256:updates c2VjcmV0\nserver ns.example.org\nzone example.org.\n"
            f"update {change}\nsend\n"
        )


def test_a_refused_update_and_a_key_that_is_none_are_said(
    machine: Machine, service: Service, names: NameServer
) -> None:
    commands = FakeCommands(machine, "nsupdate")
    commands.answer("nsupdate", "update failed: REFUSED", code=2)
    ended = run(machine, service, names, "up", "apex", **DYNAMIC)
    assert ended.code == 1
    assert "ns.example.org refuses a change of zone example.org" in ended.err
    assert "update failed: REFUSED" in ended.err
    ended = run(machine, service, names, "up", "apex", **DYNAMIC | {"key": "a\nsend"})
    assert "the key updates is no base64" in ended.err


def test_nobody_asks(machine: Machine, service: Service, names: NameServer) -> None:
    ended = run(machine, service, names, "up", "")
    assert ended.code == 1
    assert "nobody asks" in ended.err
