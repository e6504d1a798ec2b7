"""The tool `job`, as a real process with a fake docker."""

from pathlib import Path
from typing import Any

import pytest

from tests.processes.tool_runner import SYSTEM, Machine

NAME = f"{SYSTEM}-web-migrate"
SECRETS = f"/opt/homeport/{SYSTEM}/apps/web/bbbb2222/migrate-secrets"


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "receipt": "job-web-bbbb2222-migrate",
        "container": NAME,
        "image": "sha256:1",
        "command": ["ledger", "migrate"],
        "environment": {"B": "2 words", "A": "1"},
        "secrets": SECRETS,
        "networks": ["front", "data"],
        "user": "10001:10001",
        "memory_mib": 256,
        "cpus": 0.5,
        "tmpfs": {"/tmp": "rw,size=64m"},
        "timeout_seconds": 5,
        **changes,
    }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "root")
    made.write(f"{SECRETS}/PASSWORD", "hunter2")
    made.set_docker({"answers": {"wait": [0, "0\n"]}})
    return made


def verbs(machine: Machine) -> list[str]:
    return [" ".join(call) for call in machine.docker_calls() if call[0] != "create"]


def test_a_job_runs_hardened_on_all_networks_and_leaves_nothing(machine: Machine) -> None:
    ended = machine.run("job", "up", spec())
    assert (ended.code, ended.err) == (0, "")
    (create,) = [call for call in machine.docker_calls() if call[0] == "create"]
    assert create == [
        "create",
        f"--name={NAME}",
        "--user=10001:10001",
        "--memory=256m",
        "--memory-swap=256m",
        "--cpus=0.5",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
        "--init",
        "--log-driver=json-file",
        "--log-opt=max-size=10m",
        "--log-opt=max-file=3",
        "--restart=no",
        f"--label=homeport.system={SYSTEM}",
        "--network=front",
        "--tmpfs=/tmp:rw,size=64m",
        "--env=A=1",
        "--env=B=2 words",
        f"--mount=type=bind,source={machine.root}{SECRETS},target=/run/secrets,readonly",
        "sha256:1",
        "ledger",
        "migrate",
    ]
    assert verbs(machine) == [
        f"rm --force --volumes {NAME}",
        f"network connect data {NAME}",
        f"start {NAME}",
        f"wait {NAME}",
        f"rm --force --volumes {NAME}",
    ]
    assert machine.docker()["containers"] == {}
    assert not (machine.root / SECRETS.lstrip("/")).exists()


def test_a_job_has_the_volumes_of_its_app(machine: Machine) -> None:
    assert machine.run("job", "up", spec(volumes={"/data": "files", "/a": "more"})).code == 0
    (create,) = [call for call in machine.docker_calls() if call[0] == "create"]
    assert [part for part in create if "type=volume" in part] == [
        "--mount=type=volume,source=more,target=/a",
        "--mount=type=volume,source=files,target=/data",
    ]


def test_a_job_that_is_done_never_runs_again_for_its_release(machine: Machine) -> None:
    machine.run("job", "up", spec())
    before = len(machine.docker_calls())
    ended = machine.run("job", "up", spec())
    assert ended.report == {"done_before": True}
    assert len(machine.docker_calls()) == before


def test_a_release_that_comes_back_runs_its_job_again(machine: Machine) -> None:
    machine.run("job", "up", spec())
    machine.run("image", "down", {"app": "web", "release": "bbbb2222", "image": "web:1"})
    assert machine.receipt("job-web-bbbb2222-migrate") is None
    assert "seconds" in machine.run("job", "up", spec()).report


def test_a_job_that_fails_shows_its_last_lines_without_secrets_and_runs_again(
    machine: Machine,
) -> None:
    lines = "\n".join(f"line {number}" for number in range(30))
    answers = {"wait": [0, "3\n"], "logs": [0, f"{lines}\nno entry for hunter2\n"]}
    machine.set_docker({"answers": answers})
    ended = machine.run("job", "up", spec())
    assert ended.code == 1
    assert "the job step: the job ended with exit code 3" in ended.err
    assert "line 0\n" in ended.err
    assert "no entry for [PASSWORD]" in ended.err
    assert "hunter2" not in ended.err
    assert "next: mend what it says" in ended.err
    assert machine.docker()["containers"] == {}
    assert machine.receipt("job-web-bbbb2222-migrate") is None
    # Its password stays for the next try.
    assert (machine.root / SECRETS.lstrip("/")).exists()


def test_a_job_that_takes_too_long_is_stopped(machine: Machine) -> None:
    machine.set_docker({"answers": {"wait": [0, "0\n", 20], "logs": [0, "waiting for a lock\n"]}})
    ended = machine.run("job", "up", spec(timeout_seconds=0.5))
    assert ended.code == 1
    assert "the job took over 0.5 s and was stopped" in ended.err
    assert "waiting for a lock" in ended.err
    assert verbs(machine)[-1] == f"rm --force --volumes {NAME}"


def test_what_a_run_that_was_cut_off_left_is_removed_first(machine: Machine) -> None:
    state = machine.docker()
    machine.set_docker({**state, "containers": {NAME: {"State": {"Status": "running"}}}})
    assert machine.run("job", "up", spec()).code == 0
    assert verbs(machine)[0] == f"rm --force --volumes {NAME}"


def test_a_container_that_cannot_be_made_is_explained(machine: Machine) -> None:
    machine.set_docker({"answers": {"create": [125, "docker: invalid mount\n"]}})
    ended = machine.run("job", "up", spec(secrets=None))
    assert ended.code == 1
    assert "invalid mount" in ended.err


CHECK = {
    "receipt": "job-web-bbbb2222-schema",
    "schema": True,
    "app": "web",
    "release": "bbbb2222",
    "command": ["ledger", "check"],
}


def test_a_check_of_the_schema_writes_its_revision_down(machine: Machine) -> None:
    logs = "schema: 0003\n{}\nschema: 0004\n"
    machine.set_docker({"answers": {"wait": [0, "0\n"], "logs": [0, logs]}})
    assert machine.run("job", "up", spec(**CHECK)).report["schema"] == "0004"
    receipt = machine.receipt("job-web-bbbb2222-schema")
    assert receipt
    assert receipt["schema"] == "0004"
    again = machine.run("job", "up", spec(**CHECK)).report
    assert again == {"done_before": True, "schema": "0004"}


def test_a_release_that_the_schema_does_not_fit_is_refused_with_both_ways_out(
    machine: Machine,
) -> None:
    known = (("web", "ffff9999", "0003"), ("web", "aaaa1111", "0004"), ("web-2", "cccc3333", "9"))
    for app, release, revision in known:
        found = {"ran": "x", "schema": revision, "app": app, "release": release}
        machine.write_receipt(f"job-{app}-{release}-look-at-schema", found)
    machine.write_receipt("job-web-aaaa1111-migrate", {"ran": "x"})
    machine.set_docker({"answers": {"wait": [0, "1\n"], "logs": [0, "schema: 0004\nno note\n"]}})
    ended = machine.run("job", "up", spec(**CHECK))
    assert ended.code == 1
    assert "release bbbb2222 cannot work with the schema that is there" in ended.err
    assert "no note" in ended.err
    assert "works with this schema (release aaaa1111 left it at 0004), or restore" in ended.err
    assert machine.receipt("job-web-bbbb2222-schema") is None


def test_a_check_that_names_no_revision_is_no_check(machine: Machine) -> None:
    machine.set_docker({"answers": {"wait": [0, "0\n"], "logs": [0, "all is well\n"]}})
    ended = machine.run("job", "up", spec(**CHECK))
    assert ended.code == 1
    assert "did not say at which revision" in ended.err
    assert "next: let it print a line `schema: <revision>`" in ended.err


def test_a_run_that_lost_its_engine_is_waited_for_and_the_job_not_done_twice(
    machine: Machine,
) -> None:
    machine.set_docker({"answers": {"wait": [0, "0\n", 1]}})
    runs = [machine.start("job", "up", spec()) for _ in range(2)]
    ended = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    assert len([call for call in machine.docker_calls() if call[0] == "create"]) == 1
    assert sum('"done_before": true' in out for out, _ in ended) == 1
