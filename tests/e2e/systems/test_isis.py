"""Isis on the local cloud: staging through its life, production up and down."""

import hashlib
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import hcloud
import pytest

from homeport import smoke, stacks
from homeport.cloud import docker, google_standin, served
from homeport.cloud.instance import Cloud
from homeport.cloud.names import GOOGLE_STANDIN
from homeport.smoke import Visit
from systems.django_site import log_in
from systems.isis import elsewhere
from tests.e2e.conftest import until
from tests.e2e.deployed import Deployed, left, open_ports, production
from tests.e2e.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
NEXT = "registry.example.com/homeport/archive:1.1.0"
STABLE_PORT = 3003
KEPT = ("kept", bytes(range(256)) * 64)
"""A file that outlives a release: its title, and what is in it."""
GIVEN = {"AWS_SECRET_ACCESS_KEY", "GOOGLE_OAUTH2_CLIENT_SECRET", "MEDIA_CA", "GOOGLE_CA"}


def opened(cloud: Cloud, stack: str) -> Deployed:
    return Deployed(stacks.target("isis", stack, cloud.name))


@pytest.fixture(scope="module")
def isis(cloud: Cloud) -> Iterator[Deployed]:
    made = opened(cloud, "staging")
    made.up()
    yield made
    made.destroy()


def account(isis: Deployed, command: str) -> str:
    """Run a command as the account, in its own session."""
    session = "XDG_RUNTIME_DIR=/run/user/$(id -u isis)"
    user = f"cd / && {session} setpriv --reuid=isis --regid=isis --init-groups"
    return isis.console(f"{user} env HOME=/home/isis {command}")


def load(isis: Deployed) -> Load:
    assert isis.aim.cloud
    site = isis.site
    return Load(
        site.address, site.hostname, str(isis.aim.cloud.ca_file), path="/api/healthz", rate=15
    )


def test_the_first_up_ends_with_a_backend_that_passes_every_smoke_check(isis: Deployed) -> None:
    assert isis.broken() == []


def test_a_second_up_changes_nothing_and_opens_no_ssh_connection(isis: Deployed) -> None:
    isis.changes_nothing()


def test_only_ssh_http_and_https_answer_from_outside(isis: Deployed) -> None:
    listening = isis.console("ss -Htln | awk '{print $4}' | grep -o '[0-9]*$'").split()
    candidates = sorted({22, 80, 443, STABLE_PORT, 5432, 8000, *map(int, listening)})
    assert open_ports(isis.outputs()["address"], candidates) == [22, 80, 443]
    code = "curl -s -o /dev/null -w '%{http_code}' -H 'Host: {0}' -H 'X-Forwarded-Proto: https' "
    asked = code.replace("{0}", isis.site.hostname) + f"http://127.0.0.1:{STABLE_PORT}/api/healthz"
    assert isis.console(asked) == "200"
    assert ":5432" not in isis.console("ss -Htln")


def test_units_lie_in_the_accounts_folder_and_nothing_of_the_app_is_roots(isis: Deployed) -> None:
    release, system = isis.outputs()["release"], isis.system
    units = set(isis.console("ls /home/isis/.config/containers/systemd").split())
    assert {
        f"{system}-backend-{release}.container",
        f"{system}-swe2-postgres.container",
        f"{system}-swe2.network",
        f"{system}-media.volume",
    } <= units
    states = account(isis, "systemctl --user is-active " + f"'{system}-*.service'").split()
    assert set(states) == {"active"}
    assert isis.console("docker ps -aq") == ""
    owners = isis.console("ps -eo user:20,args | grep -E '[g]unicorn|[p]ostgres: ' | cut -d' ' -f1")
    assert owners
    assert not {"root", "isis"} & set(owners.split()), "containers' users are nobody's outside"


def test_secrets_are_podman_secrets_and_in_no_environment(isis: Deployed) -> None:
    release = isis.outputs()["release"]
    own = f"{isis.system}-backend-{release}"
    names = set(account(isis, "podman secret ls --format '{{.Name}}'").split())
    assert names == {f"{own}-{name}" for name in ("SECRET_KEY", "DATABASE_PASSWORD", *GIVEN)}
    shown = account(isis, f"podman container inspect {own}")
    known = {secret for secret in isis.secrets() if len(secret) > 8}
    assert known
    assert [secret for secret in known if secret in shown] == []
    environment = dict(v.partition("=")[::2] for v in json.loads(shown)[0]["Config"]["Env"])
    assert (environment["DEBUG"], environment["DATABASE_HOST"]) == ("0", "swe2-postgres")


def test_logs_and_static_files_belong_to_the_backends_user_outside(isis: Deployed) -> None:
    start = int(isis.console("grep ^isis: /etc/subuid | cut -d: -f2"))
    shown = isis.console("stat -c '%n %u %a' /srv/isis /srv/isis/static /srv/isis/logs").split("\n")
    outside = start + 10_000
    assert shown[:3] == [
        "/srv/isis 0 755",
        f"/srv/isis/static {outside} 755",
        f"/srv/isis/logs {outside} 750",
    ]
    lines = isis.console("tail -n 3 /srv/isis/logs/archive.log").splitlines()
    assert json.loads(lines[-1])["release"] == isis.outputs()["release"]
    assert f"staticfiles-{isis.outputs()['release']}.json" in isis.console("ls /srv/isis/static")


def test_the_accounts_journal_is_read_by_the_documented_command(isis: Deployed) -> None:
    command = f"journalctl --identifier={isis.system}-backend --no-pager --output=cat"
    printed = isis.console(command)
    lines = [json.loads(line) for line in printed.splitlines() if line[:1] == "{"]
    assert isis.outputs()["release"] in {line["release"] for line in lines}
    assert "static files copied" in printed, "the jobs' lines are there too"


def kept(isis: Deployed) -> bytes:
    """Return what comes of the file that was sent before."""
    with isis.site.visit() as visit:
        log_in(visit, smoke.deployed(isis.aim).outputs["smoke_login"])
        listed = visit.request("GET", "/api/documents/").raise_for_status().json()["results"]
        (number,) = [each["id"] for each in listed if each["title"] == KEPT[0]]
        return visit.request("GET", f"/api/documents/{number}/file/").raise_for_status().content


def test_a_file_lies_in_the_bucket_and_not_on_the_server(isis: Deployed) -> None:
    title, content = KEPT
    with isis.site.visit() as visit:
        log_in(visit, smoke.deployed(isis.aim).outputs["smoke_login"])
        elsewhere.send(visit, title, content)
    assert isis.aim.cloud
    objects = ("exec", isis.aim.cloud.named("objects"))
    found = docker.run(*objects, "find", f"{isis.system}-media/documents", "-type", "f").split()
    sums = docker.run(*objects, "sha256sum", *found).split()
    assert hashlib.sha256(content).hexdigest() in sums
    # What containers make and remove meanwhile is no failure.
    assert isis.console(f"find /home/isis /srv -name '{title}*.bin' || true") == ""
    assert kept(isis) == content


def answered_by_google(isis: Deployed, place: str) -> str:
    """Press the button of Google's stand-in; return the path that it sends the browser back to."""
    assert isis.aim.cloud
    cloud = isis.aim.cloud
    google = smoke.Site(
        hostname=GOOGLE_STANDIN, address=cloud.front, ca_file=str(cloud.infrastructure_ca_file)
    )
    asked = urlsplit(place)
    assert f"{asked.scheme}://{asked.netloc}" == google_standin.ISSUER
    page = google.request("GET", f"{asked.path}?{asked.query}").raise_for_status().text
    assert isis.site.hostname in page
    fields = {"asked": asked.query, "answer": "yes"}
    back = urlsplit(google.request("POST", asked.path, data=fields).headers["location"])
    assert (back.netloc, back.path) == (isis.site.hostname, elsewhere.COMPLETE)
    return f"{back.path}?{back.query}"


def who(visit: Visit) -> str:
    return str(visit.request("GET", "/api/session").raise_for_status().json()["user"])


def test_a_login_with_google_ends_with_a_session(isis: Deployed) -> None:
    for _ in range(2):
        with isis.site.visit() as visit:
            back = answered_by_google(isis, elsewhere.begin_with_google(visit))
            assert who(visit) == ""
            assert visit.request("GET", back).status_code == 302
            assert who(visit) == str(google_standin.PERSON["email"]).partition("@")[0]


def test_the_code_of_a_login_with_google_is_worth_nothing_in_another_browser(
    isis: Deployed,
) -> None:
    with isis.site.visit() as victim, isis.site.visit() as thief:
        back = answered_by_google(isis, elsewhere.begin_with_google(victim))
        elsewhere.begin_with_google(thief)
        assert thief.request("GET", back).status_code == 403
        assert who(thief) == ""


def test_a_release_under_load_loses_no_request_and_its_jobs_ran_first(isis: Deployed) -> None:
    before = isis.outputs()["release"]
    assert isis.aim.cloud
    with load(isis) as seen:
        isis.up(app__image=f"{NEXT}@{served.digests(isis.aim.cloud)[NEXT]}")
        until(lambda: len(seen.releases) > 1, 60, "an answer of the new release")
    after = isis.outputs()["release"]
    assert seen.lost == {}
    assert {before, after} == set(seen.releases)
    static = isis.console("ls /srv/isis/static")
    assert f"staticfiles-{after}.json" in static
    assert kept(isis) == KEPT[1]
    assert isis.broken() == []


def test_a_reboot_brings_everything_back_by_itself(isis: Deployed, client: hcloud.Client) -> None:
    release = isis.outputs()["release"]
    server = client.servers.get_by_name(f"{isis.system}-server")
    assert server
    boot = isis.console("stat -c %Y /proc/1")
    server.reboot().wait_until_finished()

    def back() -> bool:
        with load(isis) as seen:
            time.sleep(1)
        return not seen.lost and set(seen.releases) == {release}

    until(back, 600, "the backend after a reboot")
    assert isis.console("stat -c %Y /proc/1") != boot
    assert isis.broken() == []


def test_what_is_removed_from_the_server_leaves_no_trace_there(
    isis: Deployed, client: hcloud.Client
) -> None:
    isis.destroy()
    assert left(client, isis.system) == []
    assert left(client, "staging.isis.example.com") == []


def test_production_comes_up_is_protected_and_goes_when_it_is_told_twice(
    cloud: Cloud, client: hcloud.Client
) -> None:
    with production(
        opened(cloud, "production"), client, server__protect=False, postgres__protect=False
    ):
        pass
