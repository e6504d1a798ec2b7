"""What changes of databases and users do to a running server."""

import json

import pytest

from tests.e2e.databases.deployment import Deployed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MEMBERS = """
SELECT u.rolname || ' in ' || g.rolname FROM pg_auth_members m
JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
WHERE g.rolname LIKE 'ledger\\_%' ORDER BY 1;
"""
STARTED = "SELECT pg_postmaster_start_time();"


def members(deployed: Deployed) -> list[str]:
    return deployed.superuser("postgres", MEMBERS).splitlines()


def privileges(deployed: Deployed, role: str) -> set[str]:
    query = "SELECT grantee, privilege_type FROM information_schema.role_table_grants;"
    rows = [line.split("|") for line in deployed.superuser("ledger", query).splitlines()]
    return {privilege for grantee, privilege in rows if grantee == role}


def test_a_second_up_changes_nothing_and_opens_no_connection(deployed: Deployed) -> None:
    count = ("sh", "-c", "journalctl -u ssh -o cat --no-pager | grep -c 'Accepted publickey'")
    if "No memory limit support" in deployed.run("sh", "-c", "docker info 2>&1"):
        # Docker says of such a machine that there is no limit; the first `up` sets it again.
        deployed.up()
    before = deployed.run(*count)
    summary = deployed.up().split("Resources:")[1]
    assert next(line.split()[1] for line in summary.splitlines() if line.strip()) == "unchanged"
    assert deployed.run(*count) == before


def test_the_data_lies_on_the_cloud_volume_where_there_is_one(deployed: Deployed) -> None:
    container = deployed.outputs()["container"]
    place = ("docker", "volume", "inspect", "-f", "{{json .Options}}", f"{container}-17")
    options = json.loads(deployed.run(*place)) or {}
    mounted = deployed.console("sh", "-c", "ls -d /mnt/HC_Volume_*").stdout.strip()
    assert bool(mounted) == bool(options)
    if mounted:
        closed = f"{mounted}/{container}-17"
        assert options["device"] == f"{closed}/data"
        assert deployed.run("cat", f"{closed}/data/PG_VERSION").strip() == "17"
        assert deployed.run("stat", "-c", "%a %U", closed).split() == ["700", "root"]
        assert deployed.run("stat", "-c", "%a %u", f"{closed}/data").split() == ["700", "999"]


def test_a_user_that_loses_a_right_loses_it_and_gets_it_back(deployed: Deployed) -> None:
    user = "ledger_read_write_user"
    assert f"{user} in ledger_read_write" in members(deployed)
    deployed.up(demoted="read_write")
    assert [line for line in members(deployed) if user in line] == [f"{user} in ledger_read_only"]
    deployed.up(demoted=None)
    assert [line for line in members(deployed) if user in line] == [f"{user} in ledger_read_write"]


def test_rights_that_somebody_gave_or_took_by_hand_are_put_right(deployed: Deployed) -> None:
    deployed.superuser(
        "ledger",
        "SET ROLE ledger_owner; CREATE TABLE IF NOT EXISTS by_hand (id int);"
        "GRANT TRUNCATE ON by_hand TO ledger_read_write;"
        "REVOKE ALL ON by_hand FROM ledger_read_only;",
    )
    assert "TRUNCATE" in privileges(deployed, "ledger_read_write")
    deployed.up(extension="citext")
    assert privileges(deployed, "ledger_read_write") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert privileges(deployed, "ledger_read_only") == {"SELECT"}
    deployed.superuser("ledger", "DROP TABLE by_hand;")


def test_a_removed_user_is_gone_and_what_it_had_made_is_the_owners(deployed: Deployed) -> None:
    user = "ledger_read_only_user"
    deployed.superuser("ledger", f"CREATE TABLE made (id int); ALTER TABLE made OWNER TO {user};")
    deployed.up(without="read_only")
    assert user not in deployed.superuser("postgres", "SELECT rolname FROM pg_roles;").split()
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'made';"
    assert deployed.superuser("ledger", owner).strip() == "ledger_owner"
    deployed.superuser("ledger", "DROP TABLE made;")
    deployed.up(without=None)
    assert f"{user} in ledger_read_only" in members(deployed)


def test_a_new_rotation_makes_new_passwords_and_ends_no_session(deployed: Deployed) -> None:
    before, started = deployed.outputs()["passwords"], deployed.superuser("postgres", STARTED)
    deployed.up(rotation="2")
    after = deployed.outputs()["passwords"]
    changed = {user for user in before if before[user] != after[user]}
    assert changed == {user for user in before if user.startswith("ledger_")}
    assert deployed.superuser("postgres", STARTED) == started


def test_a_server_with_other_settings_keeps_its_data(deployed: Deployed) -> None:
    deployed.superuser("ledger", "CREATE TABLE kept AS SELECT 42 AS answer;")
    started = deployed.superuser("postgres", STARTED)
    deployed.up(memory_mib="640")
    assert deployed.superuser("postgres", STARTED) != started
    assert deployed.superuser("postgres", "SHOW shared_buffers;").strip() == "160MB"
    assert deployed.superuser("ledger", "SELECT answer FROM kept;").strip() == "42"
    deployed.superuser("ledger", "DROP TABLE kept;")


def test_the_server_comes_back_by_itself_after_a_crash(deployed: Deployed) -> None:
    container = deployed.outputs()["container"]
    started = deployed.superuser("postgres", STARTED)
    deployed.run("docker", "exec", container, "sh", "-c", "kill -QUIT 1")
    healthy = f"until docker exec {container} pg_isready -q -h 127.0.0.1; do sleep 0.5; done"
    deployed.run("timeout", "60", "sh", "-c", f"sleep 1; {healthy}")
    assert deployed.superuser("postgres", STARTED) != started
