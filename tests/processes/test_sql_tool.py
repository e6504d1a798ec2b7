"""The tool `sql`: what it runs in the container, and what it says when that fails."""

from pathlib import Path
from typing import Any

import pytest

from tests.processes.fake_account import ACCOUNT, FakeAccount
from tests.processes.fake_commands import FakeCommands
from tests.processes.tool_runner import Ended, Machine

CONTAINER = "shop-staging-postgres"
INSIDE = f"docker exec -i -u postgres -e PGOPTIONS=-c client_min_messages=warning {CONTAINER}"
PSQL = f"{INSIDE} psql -X -q -At -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -f - -d"
READY = f"{INSIDE} pg_isready"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "root"
    root.mkdir()
    return Machine(root)


@pytest.fixture
def docker(machine: Machine) -> FakeCommands:
    commands = FakeCommands(machine, "docker")
    commands.answer("docker inspect", "running\n")
    return commands


def batch(text: str, *, database: str = "ledger", transaction: bool = True) -> dict[str, Any]:
    return {"database": database, "transaction": transaction, "sql": text}


def run(machine: Machine, verb: str = "up", **spec: Any) -> Ended:
    return machine.run("sql", verb, {"container": CONTAINER, "wait_seconds": 0, **spec})


def test_each_batch_runs_in_its_database_and_gets_its_sql_on_standard_input(
    machine: Machine, docker: FakeCommands
) -> None:
    first = batch("CREATE DATABASE x;\n", database="postgres", transaction=False)
    ended = run(machine, up=[first, batch("SELECT 1;\n")])
    assert (ended.code, ended.out) == (0, "applied: 2 batches\n")
    calls = [(call.line, call.stdin) for call in docker.calls() if " psql " in call.line]
    assert calls == [
        (f"{PSQL} postgres", "CREATE DATABASE x;\n"),
        (f"{PSQL} ledger -1", "SELECT 1;\n"),
    ]


def test_nothing_runs_after_a_batch_that_failed(machine: Machine, docker: FakeCommands) -> None:
    docker.answer(f"{PSQL} one", "psql:<stdin>:1: ERROR:  42601: syntax error", code=3)
    ended = run(machine, up=[batch("x;", database="one"), batch("y;", database="two")])
    assert ended.code == 1
    assert docker.lines(f"{PSQL} two") == []


def test_an_error_shows_the_state_the_message_and_the_statement(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer(PSQL, "psql:<stdin>:2: ERROR:  42501: permission denied for schema audit", code=3)
    ended = run(machine, up=[batch("SELECT 1;\nCREATE TABLE audit.x (id int);\n")])
    assert ended.code == 1
    assert f"the sql step: SQL in database ledger of container {CONTAINER} failed" in ended.err
    assert "ERROR:  42501: permission denied for schema audit" in ended.err
    assert "statement: CREATE TABLE audit.x (id int);" in ended.err
    assert "next: correct the cause that PostgreSQL names" in ended.err


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE app PASSWORD '{secret}';",
        "ALTER ROLE app PASSWORD E'{secret}';",
        "alter role app password '{secret}' valid until 'x';",
        "CREATE ROLE app LOGIN PASSWORD '{secret}''{secret}';",
        "SELECT 'SCRAM-SHA-256$4096:{secret}$a:b';",
    ],
)
def test_no_error_shows_a_password_or_a_verifier(
    machine: Machine, docker: FakeCommands, statement: str
) -> None:
    secret = "hunter" + "2hunter2"
    line = statement.format(secret=secret)
    docker.answer(PSQL, f"psql:<stdin>:1: ERROR:  42601: bad\nLINE 1: {line}", code=3)
    ended = run(machine, up=[batch(line)])
    assert ended.code == 1
    assert "[blotted out]" in ended.err
    assert secret not in ended.err + ended.out


def test_a_server_that_does_not_come_up_is_reported_with_its_own_log(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer(READY, code=1)
    docker.answer(f"docker inspect --type container {CONTAINER}", "[{}]")
    docker.answer("docker logs", "FATAL: data directory has wrong ownership\n")
    ended = run(machine, up=[batch("SELECT 1;")])
    assert ended.code == 1
    assert "(running) accepted no connection for 0 s" in ended.err
    assert "FATAL: data directory has wrong ownership" in ended.err
    assert f"next: look at it with `docker logs {CONTAINER}`" in ended.err
    assert docker.lines(PSQL) == []


def test_a_missing_container_is_an_error_when_something_is_to_be_made(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer("docker inspect", "Error: No such object: x", code=1)
    ended = run(machine, up=[batch("SELECT 1;")])
    assert ended.code == 1
    assert f"there is no container {CONTAINER}" in ended.err
    assert "pulumi up --refresh" in ended.err


def test_a_missing_container_has_nothing_left_to_remove(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer("docker inspect", "Error: No such object: x", code=1)
    ended = run(machine, "down", down=[batch("DROP ROLE x;")])
    assert ended.code == 0
    assert docker.lines("docker exec") == []


def test_a_docker_that_does_not_answer_is_not_taken_for_a_missing_container(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer("docker inspect", "Cannot connect to the Docker daemon", code=1)
    ended = run(machine, "down", down=[batch("DROP ROLE x;")])
    assert ended.code == 1
    assert "Docker does not answer" in ended.err


def test_what_is_in_a_database_that_is_gone_needs_no_removal(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer(f"{PSQL} postgres", "postgres\ntemplate1\n")
    batches = [batch("A;", database="postgres"), batch("B;"), batch("C;", database="postgres")]
    ended = run(machine, "down", down=batches)
    assert ended.code == 0
    done = [call.stdin for call in docker.calls() if call.stdin in ("A;", "B;", "C;")]
    assert done == ["A;", "C;"]


def test_what_is_in_a_database_that_is_there_is_removed(
    machine: Machine, docker: FakeCommands
) -> None:
    docker.answer(f"{PSQL} postgres", "postgres\nledger\n")
    ended = run(machine, "down", down=[batch("B;")])
    assert ended.code == 0
    assert [call.stdin for call in docker.calls() if call.stdin == "B;"] == ["B;"]


def test_a_server_of_a_rootless_account_is_asked_by_the_accounts_podman(machine: Machine) -> None:
    account = FakeAccount(machine)
    account.answer("podman inspect", "running\n")
    ended = run(machine, account=ACCOUNT, up=[batch("SELECT 1;\n")])
    assert (ended.code, ended.out) == (0, "applied: 1 batches\n")
    (call,) = [call for call in account.calls() if call.stdin]
    assert call.line.startswith("podman exec -i -u postgres -e PGOPTIONS=")
    assert call.line.endswith(f"{CONTAINER} psql {PSQL.partition(' psql ')[2]} ledger -1")
    assert call.stdin == "SELECT 1;\n"
    assert any(line.startswith("setpriv --reuid=") for line in account.lines())


def test_a_podman_that_does_not_answer_is_not_taken_for_a_missing_container(
    machine: Machine,
) -> None:
    account = FakeAccount(machine)
    account.answer("podman inspect", "cannot connect", code=125)
    ended = run(machine, "down", account=ACCOUNT, down=[batch("DROP ROLE x;")])
    assert ended.code == 1
    assert "Podman does not answer" in ended.err
    assert "next: try `podman info` as the account apps" in ended.err


SERVICE = "/opt/homeport/shop-staging/postgres/db/service.conf"


@pytest.fixture
def client(machine: Machine) -> FakeCommands:
    """PostgreSQL's own client, and the way to a server elsewhere."""
    way = machine.root / SERVICE.removeprefix("/")
    way.parent.mkdir(parents=True)
    way.write_text("[server]\n")
    return FakeCommands(machine, "psql", "docker")


def run_elsewhere(machine: Machine, verb: str = "up", **spec: Any) -> Ended:
    place = {"service_file": SERVICE, "hostname": "db.example.com", "wait_seconds": 0}
    return machine.run("sql", verb, {**place, **spec})


def test_a_server_elsewhere_is_reached_by_its_service_file_and_no_engine_is_asked(
    machine: Machine, client: FakeCommands
) -> None:
    ended = run_elsewhere(machine, up=[batch("SELECT now();\n", database="postgres")])
    assert (ended.code, ended.out) == (0, "applied: 1 batches\n")
    assert [call.stdin for call in client.calls() if "-f -" in call.line] == ["SELECT now();\n"]
    assert client.lines("docker") == []


def test_a_server_elsewhere_that_lets_nobody_in_is_named_with_what_it_says(
    machine: Machine, client: FakeCommands
) -> None:
    client.answer("psql", "FATAL:  password authentication failed", code=2)
    ended = run_elsewhere(machine, up=[batch("SELECT 1;\n")])
    assert ended.code == 1
    assert "PostgreSQL at db.example.com (elsewhere) accepted no connection for 0 s" in ended.err
    assert "password authentication failed" in ended.err
    assert "check address, account and password" in ended.err


def test_nothing_is_removed_elsewhere_once_the_way_there_is_gone(
    machine: Machine, client: FakeCommands
) -> None:
    (machine.root / SERVICE.removeprefix("/")).unlink()
    ended = run_elsewhere(machine, "down", down=[batch("DROP DATABASE x;\n")])
    assert (ended.code, client.calls()) == (0, [])
    assert "there is no PostgreSQL at db.example.com" in ended.out
