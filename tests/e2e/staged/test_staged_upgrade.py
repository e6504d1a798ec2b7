"""A signing app of somebody else goes from 1.13.1 by way of 2.0.0 to 2.11.0, or stays as it is."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.cloud.instance import Cloud
from homeport.guard import backups
from tests.e2e.conftest import Login, MakeMachine, until
from tests.e2e.local_stack import LocalStack, changes, local_cloud, open_stack, running_up
from tests.e2e.staged.signing import UPGRADE, Signing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
PROGRAM = Path(__file__).parent / "program"
EXTRA = "package_update: true\npackages: [docker.io, docker-cli, curl, openssl]\n"


@pytest.fixture(scope="module")
def signing(make_machine: MakeMachine) -> Signing:
    machine = make_machine("signing", "debian-13", extra=EXTRA)
    machine.wait_for_ssh()
    # 2 says that something was odd and did no harm.
    waiting = "cloud-init status --wait || [ $? = 2 ]"
    until(lambda: machine.ssh(waiting, timeout=300).returncode == 0, 300, "the end of cloud-init")
    app = Signing(machine)
    app.install()
    return app


@pytest.fixture(scope="module")
def stack(
    cloud: Cloud, signing: Signing, login: Login, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStack]:
    made = open_stack("staged", PROGRAM, tmp_path_factory.mktemp("stack"), local_cloud(cloud))
    made.configure(
        address=signing.machine.ip,
        host_key=login.host_key(".pub").strip(),
        private_key=(login.folder / "user").read_text(),
    )
    yield made
    made.destroy()


def test_backup_and_trial_touch_nothing_and_prove_themselves(
    signing: Signing, stack: LocalStack
) -> None:
    before = signing.as_it_is()
    printed = stack.up()
    assert "the backup was restored in a copy, and is what was backed up" in printed
    assert "trying 2.11.0 on the copy" in printed
    assert signing.as_it_is() == before
    exported = stack.pulumi("stack", "export", "--show-secrets")
    have = list(backups.reported(json.loads(exported.stdout)["deployment"]))
    covered = {label for backup in have for label in backup.of}
    assert covered == {
        *("container:signing-app", "container:signing-db", "database:signing"),
        *("volume:signing-data", "file:/srv/signing"),
    }
    for backup in have:
        [found, _] = signing.machine.run(f"sha256sum {backup.file}").split()
        assert found == backup.sha256
    (folder,) = {str(Path(backup.file).parent) for backup in have}
    signing.machine.run(f"cd {folder} && sha256sum --check --quiet SHA256SUMS")
    objects = json.loads(signing.machine.run(f"cat {folder}/objects.json"))["signing-data"]
    assert [each["key"] for each in objects] == ["1.sealed", "3.sealed"]
    assert "certificate" not in signing.machine.run(f"find {folder} -perm /077")


def test_a_migration_that_fails_at_the_second_stage_leaves_every_byte(
    signing: Signing, stack: LocalStack
) -> None:
    # Something that the trial did not know yet: 2.11.0 cannot take an empty document.
    signing.add("empty", "")
    before = signing.as_it_is()
    stack.configure(proceed="true")
    printed = stack.up_fails()
    assert "2.0.0 is well, and has the rows that were there" in printed
    assert "1.13.1 serves again, with the data that it had, to the byte" in printed
    assert "next: mend what it says" in printed
    assert "not_empty" in printed
    assert "the-password" not in printed
    assert signing.as_it_is() == before
    assert signing.collation() == "0.1"
    assert signing.version() == "1.13.1"


def test_a_name_that_is_taken_keeps_the_app_from_being_stopped(
    signing: Signing, stack: LocalStack
) -> None:
    signing.sql("CREATE DATABASE signing_before_2_11_0")
    before, started = signing.as_it_is(), signing.started()
    assert "there is a database signing_before_2_11_0 already" in stack.up_fails()
    assert (signing.as_it_is(), signing.started()) == (before, started)
    signing.sql("DROP DATABASE signing_before_2_11_0")


def test_who_else_is_connected_keeps_the_upgrade_from_starting(
    signing: Signing, stack: LocalStack
) -> None:
    before = signing.as_it_is()
    psql = "docker exec -u postgres -e PGAPPNAME=reporting signing-db psql -U signer -d signing"
    signing.machine.run(f"nohup {psql} -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 &")
    active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reporting'"
    until(lambda: signing.sql(active) == "1", 60, "the other connection")
    printed = stack.up_fails()
    assert "others work in the database of signing-app" in printed
    assert "signer (reporting) from the socket" in printed
    assert signing.version() == "1.13.1"
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    signing.sql(f"{ended} WHERE application_name = 'reporting'")
    assert signing.as_it_is() == before


def test_what_fails_on_the_copy_ends_the_way_before_the_app_is_stopped(
    signing: Signing, stack: LocalStack
) -> None:
    before, started = signing.as_it_is(), signing.started()
    stack.configure(revision="2")
    assert "on the copy, 2.11.0 ended with 1" in stack.up_fails()
    assert (signing.as_it_is(), signing.started()) == (before, started)
    signing.sql("DELETE FROM documents WHERE title = 'empty'")


def test_taking_the_upgrade_away_brings_back_what_a_run_has_left_half_done(
    signing: Signing, stack: LocalStack
) -> None:
    before = signing.as_it_is()
    signing.cut_off_while_saving()
    assert signing.version() == ""
    away = ("--target", "**::signer-backup", "--target-dependents")
    done = stack.pulumi("destroy", "--yes", "--skip-preview", *away)
    assert done.returncode == 0, done.stdout + done.stderr
    assert signing.as_it_is() == before
    assert signing.version() == "1.13.1"


def test_a_run_that_was_killed_while_it_migrated_is_found_and_ends_at_the_last_version(
    signing: Signing, stack: LocalStack
) -> None:
    documents = signing.documents()
    stack.configure(revision="3", migration_seconds="3")

    def migrates() -> bool:
        found = signing.journal()
        return (found.get("phase"), found.get("stage")) == ("changing", "2.11.0")

    with running_up(stack) as dying:
        until(lambda: migrates() or dying.poll() is not None, 400, "the second stage")
        assert dying.poll() is None
        signing.machine.run("pkill -KILL -f bin/staged[r]un")
        os.killpg(dying.pid, signal.SIGKILL)
    assert signing.version() == ""
    assert stack.pulumi("cancel", "--yes").returncode == 0
    stack.up()
    log = signing.machine.run(f"cat {UPGRADE}/log")
    assert "an upgrade to 2.11.0 was cut off while changing" in log
    assert "1.13.1 serves again" in log.partition("was cut off")[2]
    assert signing.version() == "2.11.0"
    assert signing.documents() == documents
    assert signing.sql("SELECT count(*) FROM envelopes WHERE digest <> ''") == "3"
    assert signing.sql("SHOW statement_timeout") == "61s"
    assert signing.collation() not in ("", "0.1")
    objects = signing.machine.run("docker exec signing-app find /data -name '*.sealed'").split()
    assert sorted(objects) == ["/data/1/1.sealed", "/data/3/1.sealed"]


def test_what_is_upgraded_is_as_it_was_but_for_its_image_and_stays(
    signing: Signing, stack: LocalStack
) -> None:
    form = "{{json .HostConfig}} {{.Config.Labels.theirs}}"
    names = ("signing-app", "signing-app-before-2-11-0")
    new, old = (signing.machine.run(f"docker inspect -f '{form}' {name}") for name in names)
    assert new.replace("unless-stopped", "no") == old
    started = signing.started()
    assert set(changes(stack.up())) == {"unchanged"}
    assert signing.started() == started


def test_a_run_that_was_cut_off_when_it_opened_goes_on_and_the_way_back_goes_when_told(
    signing: Signing, stack: LocalStack
) -> None:
    signing.machine.run(f'sed -i \'s/"done"/"open"/\' {UPGRADE}/journal.json')
    signing.machine.run("docker rm -f signing-app")
    stack.configure(keep_way_back="false")
    stack.up()
    assert "before" not in signing.as_it_is()["names"]
    assert "before" not in signing.as_it_is()["databases"]
    assert signing.version() == "2.11.0"
