"""A stand-in serves while the proxy changes: what is done to a host, and in which order."""

import importlib.util
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.proxies import caddy, nginx, standin
from tests.processes.standin_host import StandinHost
from tests.processes.tool_runner import ROOT, Machine

INPUT = {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "type": "filter"}
IN_IT = {"family": "ip", "table": "filter", "chain": "INPUT"}
ASKS = {"match": {"left": {"ct": {"key": "proto-dst", "dir": "original"}}, "right": 443}}


@pytest.fixture
def host(tmp_path: Path) -> StandinHost:
    return StandinHost(Machine(tmp_path / "root"), caddy)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_new_connections_go_to_a_stand_in_before_the_proxy_is_touched(host: StandinHost) -> None:
    ended = host.run("change")
    assert ended.code == 0, ended.err
    assert host.log == [
        "systemctl stop homeport-standin@1.service",
        "systemctl start homeport-standin@1.service",
        "nft leads to 31081",
        "systemctl restart --no-block homeport-return.service",
    ]
    assert host.leaving(None).exists()


def test_a_change_while_somebody_stands_in_has_a_stand_in_of_its_own(host: StandinHost) -> None:
    host.run("change")
    since = host.leaving(None).stat().st_mtime_ns
    host.run("change")
    assert host.log[-3:-1] == ["systemctl start homeport-standin@2.service", "nft leads to 31082"]
    assert host.leaving(1).exists()
    assert host.leaving(None).stat().st_mtime_ns == since, "its time does not begin anew"


def test_where_the_stand_in_does_not_start_the_proxy_reloads_itself_and_says_why(
    host: StandinHost,
) -> None:
    host.set(failing=["systemctl start homeport-standin@1.service"])
    ended = host.run("change")
    assert ended.code == 0
    assert "reloaded without a stand-in: `systemctl start" in ended.out
    assert "caddy reload --force" in "\n".join(host.log)
    assert not [line for line in host.log if "leads" in line]
    assert not host.leaving(None).exists()


def test_where_no_rule_may_be_written_the_proxy_reloads_itself_and_nft_is_never_called(
    host: StandinHost,
) -> None:
    host.unit_of_baseline.unlink()
    ended = host.run("change")
    assert ended.code == 0, ended.err
    assert "reloaded without a stand-in: nobody can stand in for the proxy without" in ended.out
    assert host.run("give-back").code == 0
    upgraded = upgrade(host)
    assert upgraded.report["stood_in"] is False
    assert "caddy reload --force" in "\n".join(host.log)
    assert "systemctl restart caddy" in host.log
    assert not [line for line in host.log if line.startswith("nft")]
    assert not host.leaving(None).exists()


@pytest.mark.parametrize(
    ("ruleset", "stands_in"),
    [
        ([{"chain": {**INPUT, "policy": "accept"}}], True),
        ([{"chain": {**INPUT, "policy": "drop"}}], False),
        ([{"chain": {**INPUT, "policy": "accept"}}, {"rule": {**IN_IT, "expr": []}}], False),
        ([{"chain": {**INPUT, "policy": "drop"}}, {"rule": {**IN_IT, "expr": [ASKS]}}], True),
        ([{"chain": {**INPUT, "hook": "forward", "policy": "drop"}}], True),
    ],
)
def test_nobody_stands_in_behind_a_filter_that_would_not_let_visitors_in(
    host: StandinHost, ruleset: list[dict[str, Any]], stands_in: bool
) -> None:
    host.set(ruleset=ruleset)
    ended = host.run("change")
    assert ("nft leads to 31081" in host.log) == stands_in
    assert ("let it accept `ct status dnat ct original" in ended.out) == (not stands_in)


@pytest.fixture
def giving_back(host: StandinHost) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        started.append(host.start("give-back"))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_proxy_is_restarted_when_its_last_connection_has_ended_and_serves_again(
    host: StandinHost, giving_back: Callable[[], "subprocess.Popen[str]"]
) -> None:
    host.run("change")
    host.sockets(443, 31441)
    process = giving_back()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)
    assert "systemctl restart caddy" not in host.log
    host.sockets(31441)
    until(lambda: "nft leads to the proxy" in host.log)
    assert not host.leaving(None).exists()
    assert "homeport-standin@1.service" in host.active, "it has a connection"
    host.sockets()
    process.communicate(timeout=300)
    assert host.log[-4:] == [
        "systemctl restart caddy",
        "nft leads to the proxy",
        "systemctl stop homeport-standin@1.service",
        "nft delete table inet homeport_proxy",
    ]


def test_a_change_does_not_wait_until_the_one_before_has_settled(
    host: StandinHost, giving_back: Callable[[], "subprocess.Popen[str]"]
) -> None:
    host.run("change")
    host.sockets(443)
    process = giving_back()
    until((host.machine.root / "run/lock/homeport-standin--give-back").exists)
    assert host.run("change").code == 0
    assert host.run("ended").code == 0
    assert process.poll() is None
    assert "nft leads to 31082" in host.log


def test_connections_that_do_not_end_are_cut_when_their_time_is_over(host: StandinHost) -> None:
    host.run("change")
    host.sockets(443)
    long_ago = time.time() - 601
    os.utime(host.leaving(None), (long_ago, long_ago))
    assert host.run("give-back").code == 0
    assert "systemctl restart caddy" in host.log


def test_a_proxy_that_does_not_come_up_stays_without_traffic(
    host: StandinHost, giving_back: Callable[[], "subprocess.Popen[str]"]
) -> None:
    host.run("change")
    host.set(failing=["systemctl restart caddy"])
    giving_back()
    until(lambda: "systemctl restart caddy" in host.log)
    assert "nft leads to the proxy" not in host.log
    assert "homeport-standin@1.service" in host.active
    assert host.leaving(None).exists()


def test_a_stand_in_that_died_with_its_own_helper_is_noticed_all_the_same(
    host: StandinHost,
) -> None:
    host.run("change")
    host.set(active=["caddy.service"])
    assert host.run("give-back").code == 0
    log = host.log
    assert log.index("nft leads to the proxy") < log.index("systemctl restart caddy")
    assert log[-1] == "nft delete table inet homeport_proxy"
    assert not host.leaving(None).exists()


def test_a_proxy_that_has_stopped_meanwhile_gets_no_traffic_before_it_runs(
    host: StandinHost,
) -> None:
    host.run("change")
    # Caddy's own folder goes when it stops.
    host.leaving(None).unlink()
    host.set(active=["homeport-standin@1.service"])
    assert host.run("give-back").code == 0
    assert host.log.index("systemctl restart caddy") < host.log.index("nft leads to the proxy")


def test_a_stand_in_that_died_leaves_the_traffic_to_the_proxy_and_another_takes_its_place(
    host: StandinHost,
) -> None:
    host.run("change")
    host.run("ended")
    assert "nft leads to the proxy" not in host.log, "it runs"
    host.set(active=["caddy.service"])
    host.run("ended")
    assert host.log[-1] == "nft leads to the proxy"
    assert host.run("give-back").code == 0
    after = host.log[host.log.index("nft leads to the proxy") :]
    assert "nft leads to 31081" in after
    assert after.index("nft leads to 31081") < after.index("systemctl restart caddy")


def upgrade(host: StandinHost) -> Any:
    about = {"about": standin.ABOUT, "packages": ["caddy"], "upgraded_by": "today"}
    return host.machine.run("proxyupgrade", "up", about)


def test_packages_are_upgraded_while_a_stand_in_serves(host: StandinHost) -> None:
    ended = upgrade(host)
    assert ended.code == 0, ended.err
    assert ended.report == {
        "before": {"caddy": "2.6.2"},
        "after": {"caddy": "2.6.2"},
        "stood_in": True,
    }
    words = [line.split("--option")[0].strip() for line in host.log]
    fetched, installed = (i for i, line in enumerate(words) if line.startswith("apt-get install"))
    assert "--download-only" in host.log[fetched]
    order = [
        fetched,
        words.index("nft leads to 31081"),
        installed,
        words.index("apt-mark hold caddy"),
        words.index("systemctl restart caddy"),
        words.index("nft leads to the proxy"),
        words.index("systemctl restart --no-block homeport-return.service"),
    ]
    assert order == sorted(order)


def test_an_upgrade_after_which_the_proxy_does_not_come_up_is_no_outage(host: StandinHost) -> None:
    host.set(failing=["systemctl restart caddy"])
    ended = upgrade(host)
    assert ended.code == 1
    assert "a stand-in serves meanwhile" in ended.err
    assert "nft leads to the proxy" not in host.log
    assert "homeport-standin@1.service" in host.active


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("copied", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("listen 80;", "listen 31081;"),
        ("\tlisten [::]:443 ssl http2;", "\tlisten [::]:31441 ssl http2;"),
        ("server{listen 443 ssl;}", "server{listen 31441 ssl;}"),
        ("listen 192.0.2.1:80 default_server;", "listen 192.0.2.1:31081 default_server;"),
        ("listen 192.0.2.1;", "listen 192.0.2.1:31081;"),
        ("listen [2001:db8::1];", "listen [2001:db8::1]:31081;"),
        ("listen localhost:443 ssl;", "listen localhost:31441 ssl;"),
        ("# listen 8080;\nlisten 80;", "\nlisten 31081;"),
        ("pid /run/nginx.pid;", "pid /run/x/nginx.pid;"),
        ("proxy_set_header X-Listen 80;", "proxy_set_header X-Listen 80;"),
    ],
)
def test_a_copy_of_nginxs_configuration_listens_on_the_stand_ins_ports(text: str, own: str) -> None:
    copy = load(ROOT / "assets/nginx/copy.py")
    assert copy.rewritten(text, {80: 31081, 443: 31441}, "/run/x") == own


@pytest.mark.parametrize("place", ["8080", "127.0.0.1:81", "unix:/run/other.sock", "[::]:8443"])
def test_whoever_listens_elsewhere_cannot_be_stood_in_for(place: str) -> None:
    copy = load(ROOT / "assets/nginx/copy.py")
    with pytest.raises(ValueError, match="only ports 80, 443 can be moved"):
        copy.rewritten(f"listen {place};", {80: 31081, 443: 31441}, "/run/x")


def test_the_units_name_the_ports_that_the_program_leads_to() -> None:
    assets = ROOT / "assets"
    environment = "Environment=HOMEPORT_HTTP_PORT=3108%i HOMEPORT_HTTPS_PORT=3144%i"
    assert environment in (assets / "caddy/standin.service").read_text()
    assert "nginx-copy 3108%i 3144%i " in (assets / "nginx/standin.service").read_text()


@pytest.mark.parametrize("proxy", [caddy, nginx])
def test_what_a_reload_is_does_not_depend_on_the_stack(proxy: Any) -> None:
    one, other = (
        proxy.installation(system, made=True)["files"] for system in ("a-staging", "b-staging")
    )
    shared = {file.path: file.content for file in one if standin.FOLDER in file.path}
    assert shared.items() <= {file.path: file.content for file in other}.items()
    assert json.loads(shared[standin.ABOUT])["service"] == proxy.SERVICE


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft (package nftables)"
)
def test_nft_takes_the_transactions_and_ends_with_what_the_last_one_says(host: StandinHost) -> None:
    program = host.machine.root / standin.FOLDER.lstrip("/")
    script = (
        "import _standin as s\n"
        "s.point(1); assert s.current() == 1\n"
        "s.point(2); assert s.current() == 2\n"
        "s.point(None); assert s.current() is None\n"
        "s.refuse_filter()\n"
    )
    done = subprocess.run(
        ["unshare", "--net", "python3", "-B", "-c", script],
        cwd=program,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(program),
            "HOMEPORT_ROOT": str(host.machine.root),
        },
    )
    assert done.returncode == 0, done.stderr
