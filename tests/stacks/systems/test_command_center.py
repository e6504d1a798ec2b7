"""Command-center without an engine: both stacks as reviewed, what holds, and what is refused."""

import datetime
import functools
import json
import re
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from components.config.reference import markdown
from components.jwt_keys import ALGORITHM
from systems.command_center import contract, grafana, monitoring_files, names
from systems.command_center.config import CommandCenterConfig
from tests.bad_config import CANARY
from tests.recorder import Deployment, reveal
from tests.stacks.systems.shipped import STACKS, System, document

SYSTEM = "command-center-production-"
DIGEST = "@sha256:" + "0" * 64
USER = "homeport:database:DatabaseUser"
LOGINS = {
    "auth": "auth-users",
    "rest": "authenticator",
    "realtime": "realtime-listener",
    "postgres-exporter": "postgres-exporter",
    "pgadmin": "pgadmin-reader",
}
SERVICES = {name: {"image": f"ghcr.io/center/{name}:1.0.0"} for name in contract.NAMES}
TOOLS = (
    "prometheus",
    "alertmanager",
    "postgres_exporter",
    "node_exporter",
    "blackbox_exporter",
)
GOOD: dict[str, Any] = {
    "domain": "center.example.org",
    "server": {"type": "cx23", "location": "fsn1"},
    "acme": {"email": "ops@example.org"},
    "jwt": {"expires": "2036-01-31"},
    **SERVICES,
    "mail": {**SERVICES["mail"], "sender": "center@example.org"},
    "monitoring": {
        **{name: {"image": f"prom/{name.replace('_', '-')}:v1.0.0"} for name in TOOLS},
        "alerts_to": "ops@example.org",
    },
    "logs": {"image": "victoriametrics/victoria-logs:v1.52.1"},
    "pgadmin": {"image": "dpage/pgadmin4:9.18", "email": "ops@example.org"},
}
CENTER = System(name="command-center", load=CommandCenterConfig.load, secrets={}, good=GOOD)


@functools.cache
def shipped(stack: str) -> Deployment:
    """What a stack asks for as it is shipped; nobody changes it."""
    return CENTER.run(stack)


@pytest.mark.parametrize("stack", STACKS)
def test_command_center_asks_for_what_was_reviewed(stack: str, update_snapshots: bool) -> None:
    CENTER.check_reviewed(stack, update=update_snapshots)


def test_a_preview_knows_every_resource_before_the_server_is_there() -> None:
    planned, made = CENTER.run("staging", preview=True), shipped("staging")
    assert [thing.urn for thing in planned.resources] == [thing.urn for thing in made.resources]


def containers(made: Deployment) -> dict[str, dict[str, Any]]:
    """Containers by what they are called on their networks."""
    found = {}
    for each in made.of_type("docker:index/container:Container"):
        name = each.inputs["name"].removeprefix("command-center-production-")
        found[re.sub(r"-[0-9a-f]{8}$", "", name)] = each.inputs
    return found


def test_only_these_share_a_network_with_the_database_and_it_has_no_way_out() -> None:
    made = shipped("production")
    network = "command-center-production-data"
    joined = {
        name
        for name, inputs in containers(made).items()
        if network in [each["name"] for each in inputs["networksAdvanced"]]
    }
    assert joined == {"postgres", "auth", "rest", "realtime", "postgres-exporter", "pgadmin"}
    networks = {
        each.inputs["name"]: each.inputs for each in made.of_type("docker:index/network:Network")
    }
    for name in ("data", "cache", "post", "metrics"):
        assert networks[f"command-center-production-{name}"]["internal"] is True


def test_what_has_no_page_publishes_no_port() -> None:
    found = containers(shipped("production"))
    published = {name for name, inputs in found.items() if inputs.get("ports")}
    assert published == {*contract.NAMES, "prometheus", "alertmanager", "logs", "pgadmin"}


def secret_file(made: Deployment, app: str, name: str) -> str:
    (step,) = [
        step
        for step in made.of_type("Command")
        if re.fullmatch(rf"{app}-secrets-[0-9a-f]{{8}}", step.name)
    ]
    folders = yaml.safe_load(reveal(step.inputs["stdin"]))["folders"]
    return str(folders[0]["files"][name])


def test_the_same_secret_is_shared_by_all_who_check_tokens_and_the_keys_are_signed_with_it() -> (
    None
):
    made = shipped("production")
    shared = {
        secret_file(made, "auth", "GOTRUE_JWT_SECRET"),
        secret_file(made, "rest", "PGRST_JWT_SECRET"),
        secret_file(made, "realtime", "API_JWT_SECRET"),
    }
    (secret,) = shared
    assert len(secret) >= 32
    page = document(made, "page-files-")["files"]["env.js"]
    anon = yaml.safe_load(page.partition(" = ")[2].rstrip().rstrip(";"))["VITE_SUPABASE_ANON_KEY"]
    said = jwt.decode(anon, secret, algorithms=[ALGORITHM])
    assert said["role"] == "anon"
    assert said["iss"] == "https://center.example.com/auth"
    end = datetime.datetime.fromtimestamp(said["exp"], datetime.UTC)
    assert end == datetime.datetime(2036, 2, 1, tzinfo=datetime.UTC)
    assert secret not in page


def test_a_rotation_of_the_jwt_secret_reaches_every_service_and_the_page_in_one_up() -> None:
    before = releases(shipped("production"))
    config = CENTER.config("production")
    config["command-center:secret_rotation"]["jwt"] = 2
    after = releases(CENTER.run("production", config=config))
    changed = {name for name, release in before.items() if after[name] != release}
    assert changed == {"auth", "rest", "realtime", "page"}


def test_new_passwords_of_the_database_are_new_users_of_whom_no_old_release_knows() -> None:
    before = releases(shipped("production"))
    config = CENTER.config("production")
    config["command-center:secret_rotation"]["database"] = 2
    made = CENTER.run("production", config=config)
    changed = {name for name, release in before.items() if releases(made)[name] != release}
    assert changed == {"auth", "rest", "realtime", "pgadmin"}
    kept = {each.urn for each in shipped("production").of_type(USER)}
    added = {each.urn for each in made.of_type(USER)}
    assert len(added) == len(kept) == 6
    assert not kept & added
    for each in made.of_type("docker:index/container:Container"):
        app = re.sub(r"-[0-9a-f]{8}.*", "", each.name)
        if app in LOGINS:
            role = made.one("Command", f"{LOGINS[app]}-2-login")
            assert role.urn in each.options.dependencies, each.name


def releases(made: Deployment) -> dict[str, str]:
    found = {}
    for kind in ("homeport:app:App", "homeport:static_app:StaticApp"):
        found |= {each.name: str((each.outputs or {})["release"]) for each in made.of_type(kind)}
    return found


def test_the_api_and_realtime_come_after_the_checks_and_those_after_the_migrations() -> None:
    made = shipped("staging")
    checks = [made.one("Command", f"{name}-check") for name in ("row-security", "isolation")]
    migrations = made.one("Command", "schema-migrations")
    for check in checks:
        assert migrations.urn in check.options.dependencies
    for each in made.of_type("docker:index/container:Container"):
        if each.name.startswith(("rest-", "realtime-")):
            assert {check.urn for check in checks} <= set(each.options.dependencies)


def test_isolation_is_tried_on_staging_and_row_security_audited_everywhere() -> None:
    checks = {
        stack: {s.name for s in shipped(stack).of_type("Command") if s.name.endswith("-check")}
        for stack in STACKS
    }
    assert checks["staging"] == {"row-security-check", "isolation-check"}
    assert checks["production"] == {"row-security-check"}


def test_isolation_is_tried_at_each_up_and_row_security_when_something_has_changed() -> None:
    made = shipped("staging")
    isolation, row_security = (
        document(made, f"{name}-check")["again"] for name in ("isolation", "row-security")
    )
    assert datetime.datetime.fromisoformat(isolation.pop("at"))
    assert isolation == row_security
    assert set(row_security) == {"migrations", "rest", "realtime"}


def test_nobody_acts_as_the_superuser_and_requests_take_roles() -> None:
    made = shipped("production")
    for app, name in (
        ("auth", "DATABASE_URL"),
        ("rest", "PGRST_DB_URI"),
        ("realtime", "DATABASE_URL"),
    ):
        assert "//postgres:" not in secret_file(made, app, name)
    assert secret_file(made, "rest", "PGRST_DB_URI").startswith("postgresql://authenticator_1:")
    role = document(made, "authenticator-1-role")["up"][0]["sql"]
    assert 'GRANT "command_center_request" TO "authenticator_1";' in role


def block_of_site(made: Deployment, path: str) -> str:
    """What Caddy is told of a path."""
    (file,) = document(made, "site-site")["files"]
    _, _, after = file["content"].partition(f"path /{path} /{path}/*")
    return str(after.partition("handle ")[2].partition("\n\t\thandle")[0])


def test_the_site_leads_each_path_to_its_service_and_closes_what_operators_see() -> None:
    made = shipped("production")
    blocks = {
        path: block_of_site(made, path)
        for path in (
            "api",
            "auth",
            "realtime",
            "s3",
            "mail",
            "prometheus",
            "alertmanager",
            "logs",
            "admin",
        )
    }
    stripped = {path for path, block in blocks.items() if "uri strip_prefix" in block}
    closed = {path for path, block in blocks.items() if "basicauth" in block}
    assert stripped == {"api", "auth", "realtime", "s3", "mail"}
    assert closed == {"mail", "prometheus", "alertmanager", "logs", "admin"}
    (file,) = document(made, "site-site")["files"]
    assert "encode zstd gzip" in file["content"]


def test_prometheus_watches_every_service_and_tells_of_what_was_asked_for() -> None:
    settings = yaml.safe_load(monitoring_files.prometheus("center.example.org"))
    jobs = {job["job_name"] for job in settings["scrape_configs"]}
    assert jobs == {
        *contract.NAMES,
        "postgres",
        "node",
        "prometheus",
        "alertmanager",
        "logs",
        "site",
    }
    (group,) = yaml.safe_load(monitoring_files.alerts())["groups"]
    after = {rule["alert"]: rule["for"] for rule in group["rules"]}
    assert after["PostgreSQLDown"] == "1m"
    assert after["APILatency"] == "5m"
    assert {"RLSViolation", "CPU", "Memory", "Disk", "CertificateExpiry", "SiteDown"} <= set(after)


def volume_of_pgadmin(made: Deployment) -> str:
    (volume,) = [
        each.inputs["name"]
        for each in made.of_type("docker:index/volume:Volume")
        if "-pgadmin-" in each.inputs["name"]
    ]
    return str(volume)


def test_pgadmin_knows_the_database_by_a_user_that_reads_and_no_password_is_in_its_list() -> None:
    made = shipped("production")
    text = secret_file(made, "pgadmin", "PGADMIN_SERVER_JSON")
    (server,) = json.loads(text)["Servers"].values()
    user = server["Username"]
    where = f"{server['Host']}:{server['Port']}:{server['MaintenanceDB']}:{user}:"
    line = secret_file(made, "pgadmin", "PGPASS")
    assert re.fullmatch(rf"{re.escape(where)}[A-Za-z0-9]{{40}}\n", line)
    assert line.rpartition(":")[2].strip() not in text
    role = document(made, "pgadmin-reader-1-role")["up"][0]["sql"]
    assert f'GRANT "command_center_read_only" TO "{user}";' in role
    assert "default_transaction_read_only = 'on'" in role


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("secret_rotation", "pgadmin", 2),
        ("secret_rotation", "database", 2),
        ("pgadmin", "email", "others@example.org"),
        ("secret_rotation", "admin", 2),
    ],
)
def test_what_pgadmin_reads_at_its_first_start_alone_begins_with_an_empty_volume(
    section: str, key: str, value: object
) -> None:
    config = CENTER.config("production")
    config[f"command-center:{section}"][key] = value
    after = volume_of_pgadmin(CENTER.run("production", config=config))
    assert (after == volume_of_pgadmin(shipped("production"))) == (key == "admin")


def test_without_grafana_there_is_none_and_with_it_its_files_are_where_its_image_looks() -> None:
    assert "grafana" not in containers(shipped("production"))
    config = CENTER.config("production")
    config["command-center:grafana"] |= {"enabled": True, "image": f"grafana/grafana:1.0{DIGEST}"}
    made = CENTER.run("production", config=config)
    inputs = containers(made)["grafana"]
    found = {each["target"] for each in inputs["mounts"]}
    assert found == {"/run/secrets", *grafana.files()}
    assert (
        "GF_SECURITY_ADMIN_PASSWORD__FILE=/run/secrets/GF_SECURITY_ADMIN_PASSWORD_"
        in (inputs["envs"])
    )
    joined = {each["name"].removeprefix(SYSTEM) for each in inputs["networksAdvanced"]}
    assert joined == {"metrics", "grafana"}
    assert "basicauth" in block_of_site(made, "grafana")
    watched = yaml.safe_load(secret_file(made, "prometheus", monitoring_files.PROMETHEUS))
    assert "grafana" in {job["job_name"] for job in watched["scrape_configs"]}


def test_every_variable_of_the_program_is_reserved() -> None:
    for name, inputs in containers(shipped("production")).items():
        if name in contract.NAMES:
            found = {pair.partition("=")[0] for pair in inputs["envs"]}
            ours = {each for each in found - {"PORT", "RELEASE"} if not each.endswith("_FILE")}
            assert ours <= set(names.RESERVED), name


def test_the_documentation_of_the_keys_is_up_to_date() -> None:
    text = (CENTER.folder / "docs" / "configuration.md").read_text()
    assert text == markdown(CommandCenterConfig), "`make docs`"


def test_staging_and_production_have_the_same_keys() -> None:
    CENTER.check_same_keys()


def test_the_program_only_composes() -> None:
    assert len((CENTER.folder / "__main__.py").read_text().splitlines()) <= 150


SOON = (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=20)).isoformat()

# Each: what is changed in the good configuration; the key that is named; a part of what is said.
BAD: list[tuple[str, str, str]] = [
    ("domian: a.example.org", "domian", "did you mean domain?"),
    ("domain: null", "domain", "is missing"),
    ("domain: https://center.example.org", "domain", ""),
    ("jwt: null", "jwt", "is missing"),
    ("jwt: {expires: '31.01.2036'}", "jwt.expires", "is no day"),
    ("jwt: {expires: '2036-02-30'}", "jwt.expires", "is no day"),
    ("jwt: {expires: '2020-01-01'}", "jwt.expires", "is over, or less than 30 days away"),
    (f"jwt: {{expires: '{SOON}'}}", "jwt.expires", "is over, or less than 30 days away"),
    ("jwt: {secret: x}", "jwt.secret", ""),
    (f"jwt_secret: {CANARY}", "jwt_secret", ""),
    ("auth: {image: ghcr.io/center/auth}", "auth.image", "has no tag"),
    ("auth: {image: ghcr.io/center/auth:latest}", "auth.image", "says `latest`"),
    ("auth: {token_seconds: 30}", "auth.token_seconds", "is less than 60"),
    ("auth: {token_seconds: '3600'}", "auth.token_seconds", ""),
    ("auth: {redirects_to: [http://app.example.org]}", "auth.redirects_to[0]", "is no https URL"),
    (
        "auth: {redirects_to: [https://center.example.org/x]}",
        "auth.redirects_to[0]",
        "is the site itself",
    ),
    (
        "auth: {environment: {GOTRUE_JWT_EXP: '60'}}",
        "auth.environment.GOTRUE_JWT_EXP",
        "and set auth.token_seconds",
    ),
    (
        "auth: {environment: {GOTRUE_JWT_SECRET: x}}",
        "auth.environment.GOTRUE_JWT_SECRET",
        "is a secret by its name",
    ),
    (
        "rest: {environment: {PGRST_DB_ANON_ROLE: service_role}}",
        "rest.environment.PGRST_DB_ANON_ROLE",
        "is set by the program",
    ),
    ("rest: {environment: {DEBUG: '1'}}", "rest.environment.DEBUG", "shows the app's inside"),
    ("realtime: null", "realtime", "is missing"),
    ("mail: {sender: center}", "mail.sender", ""),
    ("objects: {memory_mib: 32}", "objects.memory_mib", "is less than 64"),
    ("objects: {image: 'ghcr.io/center/objects:1.0.0-arm64'}", "objects.image", "processor"),
    ("rest: {memory_mib: 2048}", "rest.memory_mib", "does not fit"),
    ("monitoring: {prometheus: {memory_mib: 4096}}", "monitoring.prometheus.memory_mib", "fit"),
    ("monitoring: {alerts_to: ops}", "monitoring.alerts_to", ""),
    ("monitoring: {loki: {image: 'grafana/loki:2.9.0'}}", "monitoring.loki", ""),
    ("monitoring: {node_exporter: null}", "monitoring.node_exporter", "is missing"),
    ("logs: null", "logs", "is missing"),
    ("logs: {days: 0}", "logs.days", "is less than 1"),
    ("logs: {disk_mib: lots}", "logs.disk_mib", "is no whole number"),
    ("logs: {memory_mib: 2048}", "logs.memory_mib", "fit"),
    ("pgadmin: null", "pgadmin", "is missing"),
    ("pgadmin: {email: operator}", "pgadmin.email", ""),
    ("pgadmin: {memory_mib: 2048}", "pgadmin.memory_mib", "fit"),
    ("pgadmin: {password: x}", "pgadmin.password", ""),
    ("grafana: {enabled: 'yes'}", "grafana.enabled", ""),
    ("grafana: {enabled: true, memory_mib: 2048}", "grafana.memory_mib", "fit"),
    ("grafana: {enabled: true, image: grafana}", "grafana.image", "has no tag"),
    ("admin: {username: 'a:b'}", "admin.username", "holds a colon"),
    ("admin: {password: x}", "admin.password", ""),
    ("checks: {isolation: 'yes'}", "checks.isolation", ""),
    ("postgres: {image: 'postgres:9.6'}", "postgres.image", "major version"),
    ("postgres: {memory_mib: 64}", "postgres.memory_mib", "is less than 128"),
    ("redis: {image: redis}", "redis.image", "has no tag"),
    ("images: {require_digest: true}", "redis.image", "has no digest"),
    ("images: {require_digest: true}", "monitoring.alertmanager.image", "has no digest"),
    ("secret_rotation: {jwt: 0}", "secret_rotation.jwt", "is less than 1"),
    ("server: {type: cx23, location: hil}", "server.location", "has no cx23"),
    ("site: {redirects_from: [center.example.org]}", "site.redirects_from[0]", "domain itself"),
    ("dns: {zone: example.net}", "domain", "is not inside the zone"),
]


@pytest.mark.parametrize(("change", "key", "said"), BAD, ids=[f"{b[1]}-{b[2]}" for b in BAD])
def test_what_cannot_work_is_refused_by_name(
    change: str, key: str, said: str, tmp_path: Path
) -> None:
    found = CENTER.refused(change, tmp_path)
    assert key in found, found
    assert said in found[key]


def test_the_good_configuration_is_taken(tmp_path: Path) -> None:
    CENTER.taken(tmp_path)
