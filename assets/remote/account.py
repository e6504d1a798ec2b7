#!/usr/bin/python3 -B
"""Makes the account that deploys: a key is its only way in, `sudo` without password its way up.

Runs in somebody's own login (docs/adr/0005), before any other tool is there. `up` is safe to
repeat; `down` removes the account, its home and its rights, and leaves everything else alone.
"""

import os
import pwd
import shutil
from pathlib import Path

from _homeport import Spec, account, at, fail, installed, main, make_directory, run, write_atomic

COMMENT = "Homeport deploys with this account"


def up(spec: Spec) -> None:
    """Make the account, or bring it back to what it should be."""
    if os.geteuid() != 0:
        fail(
            "this login does not become root here",
            "",
            "check `privilege` and the password of the stack's configuration",
        )
    if not installed("sudo"):
        cure = "check the machine's package sources, then `pulumi up` again"
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "--quiet"], env=quiet, cure=cure)
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"]
        run([*install, "sudo"], env=quiet, cure=cure)
    user = spec["user"]
    if not exists(user):
        run(["useradd", "--create-home", "--shell", "/bin/sh", "--comment", COMMENT, user])
    # An account with the password `*` cannot log in with one, but is not locked for keys.
    run(["usermod", "--password", "*", user])
    # Docker's package takes the group over when it comes.
    if not exists("docker", "group"):
        run(["groupadd", "--system", "docker"])
    run(["usermod", "--append", "--groups", "docker", user])
    home = Path(pwd.getpwnam(user).pw_dir)
    make_directory(home / ".ssh", mode=0o700, owner=user, group=user)
    keys = f"restrict,pty,port-forwarding {spec['public_key']}\n"
    write_atomic(
        home / ".ssh" / "authorized_keys", keys.encode(), mode=0o600, owner=user, group=user
    )
    allow(user)


def allow(user: str) -> None:
    """Let the account become root, by a rule that `visudo` has seen."""
    rule = f"# {COMMENT}.\n{user} ALL=(root) NOPASSWD: ALL\n"
    if installed("visudo"):
        run(["visudo", "--check", "--file=-"], stdin=rule)
    account("root", "root")
    write_atomic(rights(user), rule.encode(), mode=0o440)


def rights(user: str) -> Path:
    """Return the file that holds the account's right to become root."""
    return at(f"/etc/sudoers.d/{user}")


def down(spec: Spec) -> None:
    """Remove the account and end what still runs in it."""
    user = spec["user"]
    rights(user).unlink(missing_ok=True)
    if not exists(user):
        return
    home = pwd.getpwnam(user).pw_dir
    run(["pkill", "-KILL", "-u", user], check=False)
    run(["userdel", "--force", user])
    if Path(home).name == user:
        shutil.rmtree(home, ignore_errors=True)


def exists(name: str, database: str = "passwd") -> bool:
    """Return whether there is a user of this name, or a group with the database `group`."""
    return run(["getent", database, name], check=False).returncode == 0


if __name__ == "__main__":
    main({"up": up, "down": down}, globals().get("SPEC"))
