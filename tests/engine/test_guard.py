"""The guard with the real engine: nothing runs but what was approved, as it was approved, once."""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from homeport import paths, stacks
from homeport.guard import approvals
from homeport.guard import run as guard
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

CANARY = "canary-Zq7rT2xW9"
PROGRAM = """
    import json

    import pulumi
    import pulumi_command as command

    from components import sketch
    from components.guard import Guard, GuardArgs

    config = pulumi.Config()
    guard = config.get_object("guard")
    if guard:
        Guard("guard", GuardArgs(**guard))
    folder = config.require("folder")
    command.local.Command(
        "note",
        create=f"cat > {folder}/note",
        delete=f"rm {folder}/note",
        stdin=json.dumps({"text": config.require("text")}),
    )
    told = {"user": "shop", "password": config.require_secret("password")}
    sketch.note("hidden", told)
    command.local.Command(
        "hidden",
        create=f"cat >/dev/null; touch {folder}/hidden",
        stdin=pulumi.Output.json_dumps(told),
    )
    if config.get_bool("meddle"):
        command.local.Command(
            "meddler", create=f"touch {folder}/meddled; docker inspect signing-app || true"
        )
"""


class Stack:
    """A guarded stack, and somebody who may approve."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.made = folder / "made"
        self.made.mkdir()
        self.key = self.new_key("anna")
        self.project = engine.project(folder / "project", PROGRAM)
        self.set("folder", str(self.made))
        self.set("text", "first")
        self.set("password", CANARY, "--secret")
        self.declare()
        self.aim = stacks.Target(project=self.project, stack="dev", cloud=None)
        self.shown = ""

    def declare(self, **changes: object) -> None:
        public = self.key.with_suffix(".pub").read_text().strip()
        rules = {"approvers": {"anna": public}, "vital": {"containers": ["signing-app"]}}
        self.set("guard", json.dumps(rules | changes))

    def new_key(self, name: str) -> Path:
        key = self.folder / name
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
        subprocess.run(argv, check=True)
        return key

    def set(self, key: str, value: str, *flags: str) -> None:
        self.engine.run("config", "set", *flags, key, value, cwd=self.folder / "project")

    def approve(
        self,
        *touch: str,
        operation: str = "up",
        key: Path | None = None,
        receipts: tuple[Path, ...] = (),
        now: datetime | None = None,
    ) -> tuple[approvals.Approval, str] | None:
        self.shown = ""
        asked = guard.Asked(
            operation=operation, touch=touch, receipts=receipts, key=key or self.key
        )
        return guard.approve(self.aim, asked, show=self._show, agreed=lambda: True, now=now)

    def _show(self, text: str) -> None:
        self.shown += text

    def run(self, operation: str = "up", *, now: datetime | None = None) -> int:
        return guard.run(self.aim, operation, now=now)

    def note(self) -> str | None:
        file = self.made / "note"
        return json.loads(file.read_text())["text"] if file.exists() else None


@pytest.fixture
def stack(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    for name, value in engine.environment().items():
        if name.startswith("PULUMI_"):
            monkeypatch.setenv(name, value)
    return Stack(engine, tmp_path)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(stacks.StackError) as caught:
        act()
    assert CANARY not in str(caught.value)
    return str(caught.value)


def test_what_was_approved_runs_once_and_shows_no_secret(stack: Stack) -> None:
    plain = stack.engine.run("up", "--yes", "--skip-preview", cwd=stack.project, check=False)
    assert "only an approved plan runs" in plain.stdout + plain.stderr
    assert stack.note() is None

    signed = stack.approve()
    assert signed is not None
    assert signed[1] == "anna"
    assert f"runs: cat > {stack.made}/note" in stack.shown
    assert "stdin.text: first" in stack.shown
    assert "stdin.user: shop" in stack.shown
    assert "stdin.password: [secret] " in stack.shown
    place = approvals.place(stack.aim)
    written = [file.read_text() for file in place.folder.iterdir() if file.is_file()]
    assert len(written) == 4
    assert CANARY not in stack.shown + "".join(written)

    copy = shutil.copytree(place.folder, stack.folder / "copy")
    assert stack.run() == 0
    assert stack.note() == "first"
    assert "nothing of trial/dev is approved" in refused(stack.run)
    # Once, even for who kept a copy: the state is another one.
    shutil.copytree(copy, place.folder, dirs_exist_ok=True)
    assert "the state has changed" in refused(stack.run)


def test_a_change_of_program_config_or_state_makes_it_void(stack: Stack) -> None:
    stack.approve()
    stack.set("text", "second")
    assert "the configuration of the stack has changed" in refused(stack.run)
    stack.approve()
    program = stack.project / "__main__.py"
    before = program.read_text()
    program.write_text(before.replace("cat > {folder}/note", "cat | tee {folder}/note"))
    said = refused(stack.run)
    assert "the program, or what it reads, has changed" in said
    assert f"+     runs: cat | tee {stack.made}/note" in said
    program.write_text(before)
    assert stack.note() is None
    assert stack.run() == 0
    assert stack.note() == "second"

    stack.set("text", "third")
    stack.approve()
    stack.engine.run("refresh", "--yes", "--skip-preview", cwd=stack.project)
    assert "the state has changed" in refused(stack.run)
    assert stack.note() == "second"
    assert stack.approve() is not None
    assert "- stdin.text: second\n     + stdin.text: third" in stack.shown


def test_an_approval_ends_and_is_of_those_who_may(stack: Stack) -> None:
    stranger = stack.new_key("mallory")
    assert "not signed by anybody who may approve" in refused(lambda: stack.approve(key=stranger))
    assert not approvals.place(stack.aim).document.exists()
    stack.approve()
    late = datetime.now(UTC) + timedelta(minutes=31)
    assert "it ended at" in refused(lambda: stack.run(now=late))
    document = approvals.place(stack.aim).document
    made = document.read_text()
    later = datetime.fromisoformat(json.loads(made)["until"]) + timedelta(hours=5)
    document.write_text(json.dumps(json.loads(made) | {"until": later.isoformat()}))
    assert "not signed by anybody" in refused(lambda: stack.run(now=late))
    assert stack.note() is None


def test_a_vital_thing_needs_its_name_and_a_young_backup(stack: Stack, tmp_path: Path) -> None:
    stack.set("meddle", "true")
    said = refused(stack.approve)
    assert "container:signing-app is vital, and meddler would touch it" in said
    assert "TOUCHES container:signing-app" in stack.shown
    assert "no backup of container:signing-app" in refused(
        lambda: stack.approve("container:signing-app")
    )
    backup = tmp_path / "signing.tar"
    backup.write_bytes(b"everything")
    digest = "64fd8d4ae3b0a5d7c7b1c1cb9a6a9cf3"
    receipt = tmp_path / "signing.json"
    about = {"of": ["container:signing-app"], "file": backup.name, "sha256": digest}
    about["time"] = datetime.now(UTC).isoformat()
    receipt.write_text(json.dumps(about))
    ask = lambda: stack.approve("container:signing-app", receipts=(receipt,))  # noqa: E731
    assert "is not what was backed up" in refused(ask)
    about["sha256"] = approvals.digest_of(backup)
    receipt.write_text(json.dumps(about))
    assert ask() is not None
    assert not (stack.made / "meddled").exists()
    assert stack.run() == 0
    assert (stack.made / "meddled").exists()


def test_the_guard_cannot_be_taken_away_by_what_it_guards_against(stack: Stack) -> None:
    stack.approve()
    assert stack.run() == 0
    # Other approvers do not count before they are approved.
    mine = stack.new_key("mallory")
    public = mine.with_suffix(".pub").read_text().strip()
    stack.declare(approvers={"mallory": public})
    assert "anna" in refused(lambda: stack.approve(key=mine))
    stack.engine.run("config", "rm", "guard", cwd=stack.project)
    stack.set("text", "second")
    for command in (("up", "--yes"), ("destroy", "--yes", "--skip-preview")):
        done = stack.engine.run(*command, cwd=stack.project, check=False)
        assert done.returncode != 0
        assert "guard-kept" in done.stdout + done.stderr
    assert stack.note() == "first"

    stack.declare(enforced=False)
    stack.approve()
    assert stack.run() == 0
    stack.engine.run("config", "rm", "guard", cwd=stack.project)
    stack.engine.run("up", "--yes", "--skip-preview", cwd=stack.project)
    assert "is not guarded" in refused(stack.approve)


def test_removing_everything_is_approved_too(stack: Stack) -> None:
    stack.approve()
    assert stack.run() == 0
    stack.approve(operation="destroy")
    assert f"runs: rm {stack.made}/note" in stack.shown
    assert "it is for `homeport destroy`" in refused(stack.run)
    assert stack.run("destroy") == 0
    assert stack.note() is None


def test_a_first_plan_on_a_server_of_others_can_be_read_to_the_end(stack: Stack) -> None:
    folder = stack.folder / "starter"
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(paths.ROOT / name, folder)
    (folder / ".venv").symlink_to(paths.ROOT / ".venv")
    document = yaml.safe_load((paths.ROOT / "Pulumi.staging.yaml").read_text())
    config = document["config"]
    public = stack.key.with_suffix(".pub").read_text().strip()
    del config["homeport:server"], config["homeport:dns"]
    config["homeport:existing_server"] = {
        "address": "198.51.100.7",
        "user": "deploy",
        "host_key": public,
        "privilege": "su-password",
    }
    config["homeport:guard"] = {
        "approvers": {"anna": public},
        "vital": {"containers": ["signing-app"], "vhosts": ["sign.example.com"]},
    }
    (folder / "Pulumi.staging.yaml").write_text(yaml.safe_dump(document))
    stack.engine.run("stack", "init", cwd=folder, stack="staging")
    secret = ("config", "set", "--secret", "existing_server_password", CANARY)
    stack.engine.run(*secret, cwd=folder, stack="staging")
    stack.aim = stacks.Target(project=folder, stack="staging", cloud=None)

    said = refused(stack.approve)
    # The password of a database's user does not exist yet; everything around it is shown.
    assert "CANNOT BE SHOWN" not in stack.shown
    assert "DATABASE_PASSWORD: [secret] [known when it runs]" in stack.shown
    assert "runs: su root -s /bin/sh -c" in stack.shown
    assert CANARY not in stack.shown
    assert "server-baseline would touch it" in said
    assert "vhost:" not in said
