"""Units: what they are given, in which order things are made, and what a unit cannot do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import names, secrets
from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.artefact_source import GitSource, LocalSource
from components.health import HealthCheck
from components.host import Host
from components.job import Job
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.runtimes.docker import Docker
from components.runtimes.systemd import Systemd
from components.runtimes.unit import WALLS
from components.runtimes.venv import Venv
from components.unit_words import quoted
from components.worker import Worker, WorkerArgs
from tests.recorder import Deployment, Record, Secret, record
from tests.unit.fake_host import fake_host

PASSWORD = "correct-horse-battery"
HEALTH = HealthCheck(path="/up")


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program runs in a folder that holds an artefact."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "build"
    (folder / "wheels").mkdir(parents=True)
    (folder / "requirements.lock").write_text("a==1 --hash=sha256:0")
    return folder


def given() -> secrets.Secret:
    return secrets.given("password", PASSWORD, context="homeport-staging")


def artefact(host: Host) -> Artefact:
    return Artefact("shop", ArtefactArgs(host=host, source=LocalSource(path="build")))


def web(host: Host, files: Artefact, **changes: Any) -> App:
    plain: dict[str, Any] = {"command": ["serve"], "memory_mib": 128, "health": HEALTH}
    return App("web", AppArgs(host=host, **{**plain, "artefact": files, **changes}))


def deploy(build: Callable[[], object], **options: Any) -> Deployment:
    return record(build, secrets={"password": PASSWORD}, **options)


def everything() -> None:
    host = fake_host()
    files = artefact(host)
    web(
        host,
        files,
        runtime=Systemd(venv=Venv()),
        cpus=0.5,
        environment={"COLOUR": 'light "blue" 100%'},
        secrets={"PASSWORD": given()},
        jobs=[
            Job(name="migrate", command=["shop", "migrate"], secrets={"OWNER_PASSWORD": given()}),
            Job(name="seed", command=["shop", "seed"], environment={"ROWS": "10"}),
        ],
        command=["shop", "serve", "--greet=$NAME"],
        stop_seconds=20,
    )
    Worker(
        "worker",
        WorkerArgs(
            host=host,
            artefact=files,
            memory_mib=64,
            command=["shop", "work"],
            health_command=["shop", "check"],
        ),
    )


@pytest.fixture
def deployed() -> Deployment:
    return deploy(everything)


def release(deployment: Deployment, kind: str = "app:App") -> str:
    outputs = deployment.one(f"homeport:{kind}").outputs
    assert outputs
    return str(outputs["release"])


def step(deployment: Deployment, role: str) -> Record:
    return deployment.one("Command", f"web-{role}-{release(deployment)}")


def document(made: Record) -> dict[str, Any]:
    text = made.inputs["stdin"]
    parsed: dict[str, Any] = json.loads(text.value if isinstance(text, Secret) else text)
    return parsed


def before(deployment: Deployment, made: Record) -> set[str]:
    """The names of everything that is there before this resource, directly or not."""
    direct = [deployment.by_urn(urn) for urn in made.options.dependencies]
    return {r.name for r in direct} | {n for r in direct for n in before(deployment, r)}


def lines(deployment: Deployment, role: str = "unit") -> list[str]:
    text: str = document(step(deployment, role))["text"]
    return text.splitlines()


def test_the_unit_is_given_exactly_this(deployed: Deployment) -> None:
    id_ = release(deployed)
    (files,) = deployed.of_type("Artefact")
    assert files.outputs
    folder, path = files.outputs["folder"], files.outputs["path"]
    venv = document(step(deployed, "venv"))["venv"]
    port = names.release_port("homeport-staging-web", id_)
    own = f"homeport-staging-web-{id_}.service"
    secret = f"/opt/homeport/homeport-staging/apps/web/{id_}/secrets/PASSWORD"
    assert lines(deployed) == [
        "[Unit]",
        f"Description=homeport-staging-web, release {id_}",
        "Wants=network-online.target",
        "After=network-online.target nss-lookup.target docker.service postgresql.service",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        'ExecStart=@program@ "serve" "--greet=$$NAME"',
        f"WorkingDirectory={path}",
        'Environment="COLOUR=light \\"blue\\" 100%%"',
        'Environment="HOST=127.0.0.1"',
        f'Environment="PASSWORD_FILE=/run/credentials/{own}/PASSWORD"',
        f'Environment="PATH={venv}/bin:{path}:/usr/local/bin:/usr/bin:/bin"',
        f'Environment="PORT={port}"',
        f'Environment="RELEASE={id_}"',
        f"LoadCredential=PASSWORD:{secret}",
        "User=web-8e76f4d6",
        "SyslogIdentifier=homeport-staging-web",
        "MemoryMax=128M",
        "MemorySwapMax=0",
        "CPUQuota=50%",
        *WALLS,
        "MemoryDenyWriteExecute=yes",
        "TemporaryFileSystem=/opt/homeport:ro",
        f"BindReadOnlyPaths={folder}",
        "TemporaryFileSystem=/tmp:rw,nosuid,nodev,mode=1777,size=64M",
        "Restart=always",
        "RestartSec=2s",
        "KillMode=mixed",
        "TimeoutStopSec=20s",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    assert document(step(deployed, "unit"))["unit"] == own
    assert document(step(deployed, "unit"))["program"] == "shop"
    assert document(step(deployed, "unit"))["search"] == [f"{venv}/bin", path]


def test_a_job_has_the_walls_and_limits_of_its_app_and_its_own_secrets(
    deployed: Deployment,
) -> None:
    def kept(role: str) -> set[str]:
        own = ("Environment", "ExecStart", "Description", "LoadCredential", "Timeout")
        return {line for line in lines(deployed, role) if not line.startswith(own)}

    app, job = kept("unit"), kept("migrate")
    assert job - app == {"Type=oneshot"}
    only_app = ("Restart", "Wants", "After", "StartLimit", "Type=", "[Install]", "WantedBy")
    assert {line for line in app - job if not line.startswith(only_app)} == set()
    migrate = lines(deployed, "migrate")
    folder = f"/opt/homeport/homeport-staging/apps/web/{release(deployed)}/migrate-secrets"
    assert f"LoadCredential=OWNER_PASSWORD:{folder}/OWNER_PASSWORD" in migrate
    assert "TimeoutStartSec=600s" in migrate
    assert not [line for line in migrate if "COLOUR" in line or "/PASSWORD" in line]
    assert 'Environment="ROWS=10"' in lines(deployed, "seed")
    assert document(step(deployed, "migrate"))["unit"] == "homeport-staging-web-migrate.service"


def test_everything_is_made_after_what_it_needs(deployed: Deployment) -> None:
    id_ = release(deployed)
    (files,) = deployed.of_type("Artefact")
    assert files.outputs
    fetched = {f"shop-upload-{files.outputs['id']}", f"shop-artefact-{files.outputs['id']}"}
    prepared = fetched | {f"web-venv-{id_}", f"web-secrets-{id_}"}
    assert before(deployed, step(deployed, "venv")) == fetched
    assert before(deployed, step(deployed, "secrets")) == set()
    assert before(deployed, step(deployed, "leave")) == prepared
    left = prepared | {f"web-leave-{id_}"}
    assert before(deployed, step(deployed, "migrate")) == left
    assert before(deployed, step(deployed, "seed")) == left | {f"web-migrate-{id_}"}
    jobs = {f"web-migrate-{id_}", f"web-seed-{id_}"}
    assert before(deployed, step(deployed, "unit")) == left | jobs
    assert f"web-unit-{id_}" in before(deployed, step(deployed, "switch"))


def test_what_takes_a_release_away_is_there_before_it_and_opens_no_connection(
    deployed: Deployment,
) -> None:
    leave = step(deployed, "leave")
    assert "create" not in leave.inputs
    assert leave.inputs["delete"].endswith("/bin/unit down")
    assert document(leave)["units"] == [
        f"homeport-staging-web-{release(deployed)}.service",
        "homeport-staging-web-migrate.service",
        "homeport-staging-web-seed.service",
    ]
    assert "delete" not in step(deployed, "unit").inputs


def test_secrets_travel_only_in_their_own_step_and_only_root_reads_them(
    deployed: Deployment,
) -> None:
    carrier = step(deployed, "secrets")
    assert isinstance(carrier.inputs["stdin"], Secret)
    assert {(f["uid"], f["gid"]) for f in document(carrier)["folders"]} == {(0, 0)}
    for other in deployed.of_type("Command"):
        if other is not carrier:
            assert PASSWORD not in json.dumps(document(other))


def test_the_tools_are_told_that_it_is_a_unit(deployed: Deployment) -> None:
    own = {"kind": "systemd", "name": f"homeport-staging-web-{release(deployed)}.service"}
    assert document(step(deployed, "switch"))["instance"] == own
    worker = release(deployed, "worker:Worker")
    settle = deployed.one("Command", f"worker-settle-{worker}")
    assert document(settle)["instance"]["kind"] == "systemd"


def test_a_worker_runs_the_artefact_as_it_is_and_says_how_it_is_checked(
    deployed: Deployment,
) -> None:
    id_ = release(deployed, "worker:Worker")
    made = document(deployed.one("Command", f"worker-unit-{id_}"))
    assert made["text"].endswith('[X-Homeport]\nCheck=["shop", "check"]\n')
    assert "PORT=" not in made["text"]
    assert "HOST=" not in made["text"]
    # What runs without a virtual environment may be anything: Node.js, Java.
    assert "MemoryDenyWriteExecute" not in made["text"]
    assert len(made["search"]) == 1
    assert not [r for r in deployed.of_type("Command") if r.name.startswith("worker-venv")]


def test_an_artefact_is_uploaded_once_for_all_that_run_it(deployed: Deployment) -> None:
    assert len(deployed.of_type("CopyToRemote")) == 1


def test_a_release_is_known_in_the_first_preview_and_changes_with_what_it_is_made_of(
    build: Path,
) -> None:
    def of(**changes: Any) -> str:
        def program() -> None:
            host = fake_host()
            web(host, artefact(host), **changes)

        return release(deploy(program))

    first = of()
    assert release(deploy(everything, preview=True)) == release(deploy(everything))
    assert of() == first
    others = [
        of(command=["other"]),
        of(runtime=Systemd(jit=False)),
        of(runtime=Systemd(user="shop")),
        of(runtime=Systemd(venv=Venv())),
        of(jobs=[Job(name="migrate", command=["m"])]),
        of(environment={"A": "1"}),
        of(memory_mib=64),
    ]
    (build / "more").write_text("x")
    others.append(of())
    assert len({first, *others}) == len(others) + 1


def test_a_name_of_ones_own_is_the_account() -> None:
    def program() -> None:
        host = fake_host()
        web(host, artefact(host), runtime=Systemd(user="dms"))

    assert "User=dms" in lines(deploy(program))


def test_an_app_may_say_itself_where_it_listens() -> None:
    def program() -> None:
        host = fake_host()
        web(host, artefact(host), environment={"HOST": "::1"})

    assert 'Environment="HOST=::1"' in lines(deploy(program))


@pytest.mark.parametrize(
    ("text", "word", "run"),
    [
        ("plain", '"plain"', '"plain"'),
        ('a "b" c', '"a \\"b\\" c"', '"a \\"b\\" c"'),
        ("50%", '"50%%"', '"50%%"'),
        ("$A ${B}", '"$A ${B}"', '"$$A $${B}"'),
        ("a\\b\n\tc", '"a\\\\b\\n\\tc"', '"a\\\\b\\n\\tc"'),
        ("", '""', '""'),
        (";", '";"', '";"'),
    ],
)
def test_words_are_quoted_so_that_systemd_gives_them_back(text: str, word: str, run: str) -> None:
    assert quoted(text) == word
    assert quoted(text, run=True) == run


def network(host: Host) -> PrivateNetwork:
    return PrivateNetwork("data", PrivateNetworkArgs(host=host))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {"command": []}, "command: a unit needs one"),
        (lambda _: {"command": ["../x"]}, "command: '../x' is no plain name"),
        (lambda _: {"jobs": [Job(name="j", command=["a b"])]}, "command: 'a b' is no plain name"),
        (lambda host: {"networks": [network(host)]}, "networks: a unit has none; it is on"),
        (lambda _: {"user": "1:1"}, "user: a unit has none; it has an account by name: name it"),
        (lambda _: {"keep_images": 0}, "keep_images: a unit has none; say with ArtefactArgs"),
        (
            lambda _: {"secrets": {"A": given()}, "secret_paths": {"/etc/a": "A"}},
            "secret_paths: a unit has none; NAME_FILE says where",
        ),
        (lambda _: {"tmpfs_mib": {"/a b": 1}}, "tmpfs_mib: '/a b' is no plain path"),
        (lambda _: {"image": "web:1"}, "image, artefact: exactly one of both"),
        (lambda _: {"artefact": None}, "image, artefact: exactly one of both"),
        (lambda _: {"runtime": Docker()}, "image: the runtime docker runs an image"),
        (
            lambda _: {"artefact": None, "image": "web:1", "runtime": Systemd()},
            "artefact: the runtime systemd runs an artefact",
        ),
        (
            lambda _: {"runtime": Systemd(venv=Venv(requirements="gone.txt"))},
            "venv: the artefact holds no gone.txt; add it",
        ),
        (
            lambda _: {"runtime": Systemd(venv=Venv(wheels="house"))},
            "venv: the artefact holds no folder house; add it",
        ),
    ],
)
def test_what_a_unit_cannot_do_is_refused_with_the_cure(change: Any, message: str) -> None:
    def program() -> None:
        host = fake_host()
        web(host, artefact(host), **change(host))

    with pytest.raises(ValueError, match=message):
        deploy(program)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Systemd(user="root"), "an app does not run as root"),
        (lambda: Systemd(user="Upper"), "is no name of an account"),
        (lambda: Venv(requirements="../x"), "requirements: must be a plain path"),
        (lambda: Venv(wheels="/x"), "wheels: must be a plain path"),
        (lambda: Venv(install=["setup.py"]), "install: must be a pattern in the artefact"),
        (lambda: Venv(install=["../*.whl"]), "install: must be a pattern in the artefact"),
        (lambda: Venv(python="pypy"), r"python: must be python3 or python3\.<minor>"),
    ],
)
def test_options_that_cannot_be_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_what_only_the_host_knows_is_left_to_the_host() -> None:
    def program() -> None:
        host = fake_host()
        source = GitSource(url="https://example.com/shop", commit="0" * 40)
        files = Artefact("shop", ArtefactArgs(host=host, source=source))
        web(host, files, runtime=Systemd(venv=Venv(wheels=None)))

    deployment = deploy(program)
    assert document(step(deployment, "venv"))["wheels"] is None
