"""What each role may do in its database, tried one by one over the private network."""

import dataclasses
import re
from collections.abc import Iterator
from itertools import groupby

import pytest

from tests.e2e.databases import access_matrix
from tests.e2e.databases.access_matrix import ATTEMPTS, ROLES, Attempt
from tests.e2e.databases.deployment import Deployed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

REFUSALS = {
    "42501",  # insufficient privilege, also for databases
    "55006",  # the database that one is in cannot be dropped
}
NO_CONNECTION = "refused at the door"


@dataclasses.dataclass(frozen=True)
class Client:
    """A container on the private network, with psql in it."""

    deployed: Deployed
    name: str

    def psql(self, user: str, password: str, database: str, script: str) -> str:
        """Run a script that goes on after errors; return what it printed or why it never began."""
        target = f"host=postgres user={user} dbname={database} connect_timeout=10"
        inside = ("docker", "exec", "-i", "-e", f"PGPASSWORD={password}", self.name)
        psql = ("psql", "-X", "-q", "-At", "-d", target, "-f", "-")
        done = self.deployed.console(*inside, *psql, stdin=script)
        return done.stdout if done.returncode != 2 else f"{NO_CONNECTION}: {done.stderr}"


@pytest.fixture(scope="module")
def client(deployed: Deployed) -> Iterator[Client]:
    outputs = deployed.outputs()
    image = deployed.run("docker", "inspect", "-f", "{{.Image}}", outputs["container"]).strip()
    start = ("docker", "run", "-d", "--rm", "--name", "client", "--network", outputs["network"])
    deployed.run(*start, "--entrypoint", "sleep", image, "infinity")
    yield Client(deployed, "client")
    deployed.console("docker", "rm", "-f", "client")


@pytest.fixture(scope="module")
def results(deployed: Deployed, client: Client) -> dict[tuple[str, str], str]:
    """The SQL state of every attempt of every role; 00000 is success."""
    passwords = deployed.outputs()["passwords"]
    migrator = access_matrix.user("migrator")
    made = client.psql(migrator, passwords[migrator], "ledger", access_matrix.OBJECTS)
    assert NO_CONNECTION not in made
    found: dict[tuple[str, str], str] = {}
    for role in ROLES:
        user = access_matrix.user(role)
        for database, attempts in groupby(ATTEMPTS, key=lambda attempt: attempt.database):
            tried = list(attempts)
            # What a reader may do must not depend on a setting that anybody may change.
            script = "SET default_transaction_read_only = off;\n" + "".join(
                f"{attempt.sql.format(role=role, user=user)};\n\\echo <{number}> :SQLSTATE\n"
                for number, attempt in enumerate(tried)
            )
            output = client.psql(user, passwords[user], database, script)
            states = dict(re.findall(r"^<(\d+)> (\w{5})$", output, re.MULTILINE))
            for number, attempt in enumerate(tried):
                found[role, attempt.name] = states.get(str(number), output)
    return found


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_can_do_what_it_may_and_nothing_else(
    results: dict[tuple[str, str], str], role: str, attempt: Attempt
) -> None:
    state = results[role, attempt.name]
    if role in attempt.allowed:
        assert state == "00000"
    elif state.startswith(NO_CONNECTION):
        assert "permission denied for database" in state
    else:
        assert state in REFUSALS


def test_every_attempt_was_made_by_every_role(results: dict[tuple[str, str], str]) -> None:
    assert len(results) == len(ROLES) * len(ATTEMPTS)
    states = set(results.values())
    assert "00000" in states
    assert "42501" in states


@pytest.mark.parametrize(("user", "password"), [("postgres", ""), ("postgres", "postgres")])
def test_the_superuser_cannot_log_in_over_the_network(
    client: Client, user: str, password: str
) -> None:
    for database in ("postgres", "ledger"):
        refused = client.psql(user, password, database, "SELECT 1;")
        assert refused.startswith(NO_CONNECTION)
        assert re.search("password authentication failed|no password supplied", refused)


def test_a_wrong_password_and_the_name_of_a_group_are_refused(client: Client) -> None:
    wrong = client.psql(access_matrix.user("read_only"), "wrong", "ledger", "SELECT 1;")
    assert "password authentication failed" in wrong
    group = client.psql("ledger_owner", "", "ledger", "SELECT 1;")
    assert group.startswith(NO_CONNECTION)


def test_the_server_listens_on_no_address_of_the_host(deployed: Deployed) -> None:
    assert ":5432" not in deployed.run("ss", "-Hltn")
    ports = deployed.run("docker", "port", deployed.outputs()["container"])
    assert ports.strip() == ""


def test_no_password_is_anywhere_on_the_host_or_in_the_servers_log(deployed: Deployed) -> None:
    outputs = deployed.outputs()
    log = deployed.run("docker", "logs", outputs["container"])
    stored = deployed.superuser("postgres", "SELECT string_agg(rolpassword, ' ') FROM pg_authid;")
    for password in outputs["passwords"].values():
        assert password not in log
        assert password not in stored
        places = ("/opt/homeport", "/etc", "/var/log", "/root", "/tmp")
        searched = deployed.console("grep", "-rlsF", "-e", password, *places)
        assert searched.stdout == ""
    assert stored.count("SCRAM-SHA-256$4096:") == len(outputs["passwords"])


def test_objects_that_a_migrator_made_belong_to_the_owner(
    deployed: Deployed, results: dict[tuple[str, str], str]
) -> None:
    assert results
    query = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'audit');"
    assert deployed.superuser("ledger", query).split() == ["ledger_owner"]
