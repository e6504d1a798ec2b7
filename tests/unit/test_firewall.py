"""Firewalls: one list of rules, the same in the cloud and on the host."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.firewall import (
    CloudFirewall,
    CloudFirewallArgs,
    HostFirewall,
    HostFirewallArgs,
    Rule,
    nft_rules,
    ruleset,
    table_name,
    web_rules,
)
from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Ended, Machine
from tests.recorder import record
from tests.unit.fake_host import fake_host


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "port: tcp and udp need a port"),
        ({"protocol": "icmp", "port": 1}, "icmp has none"),
        ({"port": 0}, "between 1 and 65535"),
        ({"port": 65536}, "between 1 and 65535"),
        ({"port": 80, "networks": ()}, "name at least one network"),
        ({"port": 80, "networks": ("everywhere",)}, "write it like 203.0.113.0/24"),
        ({"port": 80, "networks": ("10.0.0.1/8",)}, "has host bits set"),
        ({"port": 80, "comment": 'a"b'}, "no quotes"),
    ],
)
def test_a_wrong_rule_is_refused_with_field_value_and_cure(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Rule(**fields)
    assert str(caught.value).startswith("Rule ")
    assert "(got " in str(caught.value)


def test_a_rule_for_everyone_has_a_line_for_each_family() -> None:
    assert nft_rules(Rule(port=25, comment="mail")) == [
        'meta nfproto ipv4 tcp dport 25 accept comment "mail"',
        'meta nfproto ipv6 tcp dport 25 accept comment "mail"',
    ]


@pytest.mark.parametrize("port", [80, 443])
def test_who_may_reach_the_proxy_may_reach_its_stand_in_and_nobody_else(port: int) -> None:
    assert nft_rules(Rule(port=port, networks=("198.51.100.0/24",))) == [
        f"ip saddr {{ 198.51.100.0/24 }} tcp dport {port} accept",
        "ip saddr { 198.51.100.0/24 } meta l4proto tcp ct status dnat "
        f"ct original proto-dst {port} accept",
    ]


def test_a_rule_for_some_networks_opens_nothing_for_the_other_family() -> None:
    rule = Rule(port=22, networks=("198.51.100.0/24", "203.0.113.7/32"))
    assert nft_rules(rule) == ["ip saddr { 198.51.100.0/24, 203.0.113.7/32 } tcp dport 22 accept"]


def test_networks_that_lie_in_each_other_are_joined() -> None:
    rule = Rule(protocol="udp", port=53, networks=("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"))
    assert nft_rules(rule) == [
        "ip saddr { 10.0.0.0/8 } udp dport 53 accept",
        "ip6 saddr { 2001:db8::/32 } udp dport 53 accept",
    ]


def test_ping_is_allowed_in_both_families() -> None:
    assert nft_rules(Rule(protocol="icmp")) == [
        "meta nfproto ipv4 icmp type echo-request accept",
        "meta nfproto ipv6 icmpv6 type echo-request accept",
    ]


def test_the_ruleset_drops_by_default_and_leaves_forwarding_alone() -> None:
    text = ruleset("homeport_a", web_rules())
    assert "type filter hook input priority filter; policy drop;" in text
    assert "hook forward" not in text
    assert "hook output" not in text
    assert 'iifname "lo" accept' in text


def test_only_what_the_rules_name_can_open_a_connection() -> None:
    text = ruleset("t", [Rule(port=443)])
    ports = [line for line in text.splitlines() if "dport" in line and "udp sport 67" not in line]
    assert [line.strip() for line in ports] == [
        "ip6 saddr fe80::/10 udp dport 546 accept",
        "meta nfproto ipv4 tcp dport 443 accept",
        "meta nfproto ipv6 tcp dport 443 accept",
    ]


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft (package nftables)"
)
@pytest.mark.parametrize(
    "rules",
    [web_rules(), web_rules(2222, ("203.0.113.0/24", "2001:db8::/32")), [Rule(protocol="icmp")]],
)
def test_nft_accepts_the_ruleset(rules: list[Rule]) -> None:
    ended = subprocess.run(
        ["unshare", "--net", "nft", "--check", "-f", "-"],
        input=ruleset(table_name("shop-staging"), rules),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_two_stacks_have_a_table_each() -> None:
    assert table_name("shop-staging") == "homeport_shop_staging"
    assert table_name("shop-staging") != table_name("shop-production")


def test_the_cloud_gets_the_same_rules() -> None:
    rules = (Rule(port=22, networks=("198.51.100.0/24",), comment="ssh"), Rule(protocol="icmp"))
    deployment = record(
        lambda: CloudFirewall(
            "cloud", CloudFirewallArgs(rules=rules, physical_name="x", labels={"a": "b"})
        )
    )
    assert deployment.one("hcloud:index/firewall:Firewall").inputs == {
        "name": "x",
        "labels": {"a": "b"},
        "rules": [
            {
                "direction": "in",
                "protocol": "tcp",
                "port": "22",
                "sourceIps": ["198.51.100.0/24"],
                "description": "ssh",
            },
            {
                "direction": "in",
                "protocol": "icmp",
                "sourceIps": ["0.0.0.0/0", "::/0"],
                "description": "",
            },
        ],
    }


def test_the_host_confirms_its_rules_over_a_second_connection() -> None:
    deployment = record(
        lambda: HostFirewall("guard", HostFirewallArgs(host=fake_host(), rules=web_rules()))
    )
    trial = deployment.one("command:remote:Command", "guard-trial")
    confirmed = deployment.one("command:remote:Command", "guard-confirmed")
    assert trial.urn in confirmed.options.dependencies
    assert trial.inputs["delete"].endswith("firewall down")
    assert "delete" not in confirmed.inputs


def test_cloud_and_host_wait_for_a_network_that_is_known_later() -> None:
    def program() -> None:
        host = fake_host()
        client = host.address.apply(lambda address: f"{address}/32")
        rules = [Rule(port=22, comment="ssh"), Rule(port=5432, networks=[client])]
        HostFirewall("guard", HostFirewallArgs(host=host, rules=rules))
        CloudFirewall("cloud", CloudFirewallArgs(rules=rules, physical_name="x"))

    made = record(program)
    text = json.loads(made.one("Command", "guard-trial").inputs["stdin"])["ruleset"]
    assert "ip saddr { 203.0.113.7/32 } tcp dport 5432 accept" in text
    _, rule = made.one("hcloud:index/firewall:Firewall").inputs["rules"]
    assert rule["sourceIps"] == ["203.0.113.7/32"]


def test_a_network_that_is_not_known_is_never_written_as_a_rule() -> None:
    def program() -> None:
        nft_rules(Rule(port=5432, networks=[fake_host().address]))

    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        record(program)


def test_where_no_rule_may_be_written_a_host_firewall_is_refused_with_the_cure() -> None:
    def program() -> None:
        HostFirewallArgs(host=fake_host(nftables=False), rules=web_rules())

    with pytest.raises(ValueError, match="HostFirewall: host: host has nftables=False") as caught:
        record(program)
    assert "leave the HostFirewall out" in str(caught.value)


def test_a_host_firewall_without_a_rule_for_ssh_is_refused() -> None:
    def program() -> None:
        HostFirewallArgs(host=fake_host(), rules=[Rule(protocol="udp", port=443)])

    with pytest.raises(ValueError, match="HostFirewall: rules: no rule lets SSH in to host"):
        record(program)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root")


@pytest.fixture
def commands(machine: Machine) -> FakeCommands:
    return FakeCommands(machine, "nft", "systemd-run", "systemctl")


def spec(text: str = "rules 1\n", **more: Any) -> dict[str, Any]:
    return {"ruleset": text, "table": "homeport_x", "trial_seconds": 90, **more}


def put(machine: Machine, verb: str = "up", **document: Any) -> Ended:
    return machine.run("firewall", verb, document)


def kept(machine: Machine) -> str | None:
    file = machine.stack / "nft/filter.nft"
    return file.read_text() if file.exists() else None


def test_new_rules_are_loaded_after_the_timer_that_takes_them_back(
    machine: Machine, commands: FakeCommands
) -> None:
    ended = put(machine, **spec())
    assert (ended.code, ended.out) == (0, "on trial for 90 s\n")
    words = [line.split()[0:2] for line in commands.lines()]
    assert words == [
        ["nft", "--check"],
        ["systemctl", "stop"],
        ["systemd-run", "--unit=homeport-shop-staging-firewall-trial"],
        ["nft", "-f"],
    ]
    assert "nft delete table inet homeport_x" in commands.lines("systemd-run")[0]
    assert kept(machine) is None


def test_rules_that_nft_refuses_are_never_loaded(machine: Machine, commands: FakeCommands) -> None:
    commands.answer("nft --check", "syntax error, unexpected x", code=1)
    ended = put(machine, **spec())
    assert ended.code == 1
    assert "syntax error, unexpected x" in ended.err
    assert commands.lines("systemd-run") == []
    assert commands.lines("nft -f") == []


def test_a_second_connection_keeps_the_rules(machine: Machine, commands: FakeCommands) -> None:
    put(machine, **spec())
    commands.forget()
    assert put(machine, **spec(confirm=True)).out == "confirmed\n"
    assert kept(machine) == "rules 1\n"
    assert commands.lines("systemctl stop") == [
        "systemctl stop homeport-shop-staging-firewall-trial.timer"
    ]


def test_confirming_twice_is_no_error(machine: Machine, commands: FakeCommands) -> None:
    put(machine, **spec())
    put(machine, **spec(confirm=True))
    commands.forget()
    assert put(machine, **spec(confirm=True)).code == 0
    assert commands.lines() == []


def test_rules_that_were_taken_back_are_reported_and_not_kept(
    machine: Machine, commands: FakeCommands
) -> None:
    put(machine, **spec())
    [line] = commands.lines("systemd-run")
    script = line.partition("/bin/sh -c ")[2]
    subprocess.run(["sh", "-c", script], check=True, env={"PATH": machine.environment["PATH"]})
    ended = put(machine, **spec(confirm=True))
    assert ended.code == 1
    assert "no connection came in under the new rules within 90 s" in ended.err
    assert "next: let SSH in from where `pulumi up` runs" in ended.err
    assert kept(machine) is None


def test_a_failed_change_goes_back_to_the_rules_before(
    machine: Machine, commands: FakeCommands
) -> None:
    put(machine, **spec())
    put(machine, **spec(confirm=True))
    commands.forget()
    put(machine, **spec("rules 2\n"))
    assert commands.lines("systemd-run")[0].endswith("filter.trial; nft -f " + str(
        machine.stack / "nft/filter.nft"
    ))  # fmt: skip
    assert kept(machine) == "rules 1\n"


def test_rules_that_are_in_force_are_only_loaded_again(
    machine: Machine, commands: FakeCommands
) -> None:
    put(machine, **spec())
    put(machine, **spec(confirm=True))
    commands.forget()
    assert put(machine, **spec()).out == "unchanged\n"
    assert [line.split()[:2] for line in commands.lines()] == [["nft", "-f"]]


def test_down_removes_table_files_and_timer(machine: Machine, commands: FakeCommands) -> None:
    put(machine, **spec())
    put(machine, **spec(confirm=True))
    commands.forget()
    assert put(machine, "down", **spec()).code == 0
    assert commands.lines("nft") == ["nft delete table inet homeport_x"]
    assert list((machine.stack / "nft").iterdir()) == []
