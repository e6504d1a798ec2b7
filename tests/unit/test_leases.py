"""Who holds a stack, and when a lease may be taken over."""

import os
import subprocess
import sys
from typing import Any

import pytest

from homeport import engine, leases, paths, stacks

REFUSED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to "
    "end or delete the lock file with `pulumi cancel`.\n"
    "  file:///state/.pulumi/locks/x.json: created by ann@build-7 (pid 4711) at "
    "2026-01-02T03:04:05Z\n"
)


def test_a_refusal_names_owner_machine_process_and_time() -> None:
    [lease] = leases.held(REFUSED)
    assert lease == leases.Lease(
        owner="ann", machine="build-7", pid=4711, since="2026-01-02T03:04:05Z"
    )


def test_other_errors_name_no_lease() -> None:
    assert leases.held("error: created by ann@build-7 (pid 4711) at noon") == []


@pytest.mark.parametrize(
    ("machine", "running", "taken_over"),
    [("build-7", False, True), ("build-7", True, False), ("build-8", False, False)],
)
def test_only_a_lease_of_a_process_of_this_machine_that_ended_is_taken_over(
    machine: str, running: bool, taken_over: bool
) -> None:
    found = leases.held(REFUSED)
    answer = leases.left_behind(found, machine=machine, runs=lambda _pid: running)
    assert answer is taken_over


def test_without_a_lease_nothing_is_taken_over() -> None:
    assert not leases.left_behind([])


def test_processes_of_this_machine_are_told_from_those_that_ended() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert leases.runs_here(os.getpid())
    assert not leases.runs_here(ended.pid)


@pytest.mark.parametrize(("abandoned", "calls"), [(True, ["up", "cancel", "up"]), (False, ["up"])])
def test_up_goes_on_after_a_deploy_that_was_killed_and_not_beside_one_that_runs(
    monkeypatch: pytest.MonkeyPatch, abandoned: bool, calls: list[str]
) -> None:
    made: list[str] = []

    def run(arguments: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        made.append(arguments[0])
        refused = arguments[0] == "up" and "cancel" not in made
        return subprocess.CompletedProcess(arguments, int(refused), "", REFUSED * refused)

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr(leases, "left_behind", lambda _leases: abandoned)
    monkeypatch.setattr(stacks, "recover", lambda _aim: None)
    aim = stacks.Target(project=paths.ROOT, stack="staging", cloud=None)
    assert stacks.run(aim, "up") == int(not abandoned)
    assert made == calls
