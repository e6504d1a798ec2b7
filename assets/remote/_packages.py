"""Packages of the distribution: installed when missing, held when the stack says so, never removed.

An entry is `name`; `first|second` when any of them will do (the first is installed when none is
there); or `name?` for one that only some distributions have.
"""

import hashlib
import re

from _homeport import at, lock, run

ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
INSTALL = [
    "apt-get",
    "install",
    "--yes",
    "--quiet",
    "--no-install-recommends",
    "--option=Dpkg::Options::=--force-confold",
    "--option=DPkg::Lock::Timeout=300",
]
CURE = "check the machine's package sources and its way to them, then `pulumi up` again"


def ensure(entries: list[str], hold: list[str]) -> list[str]:
    """Install what is missing and hold what `hold` names; return what was installed."""
    missing = wanted(entries, versions(entries))
    if missing:
        with lock("apt", timeout_seconds=600):
            run(["apt-get", "update", "--quiet"], env=ENVIRONMENT, cure=CURE)
            missing = [name for name in missing if not name.endswith("?") or known(name[:-1])]
            names = [name.rstrip("?") for name in missing]
            if names:
                run([*INSTALL, *names], env=ENVIRONMENT, cure=CURE, timeout_seconds=1200)
    held = set(run(["apt-mark", "showhold"]).stdout.split()) if hold else set()
    unheld = [name for name in versions(hold) if name not in held]
    if unheld:
        # It does not wait for another package manager by itself.
        with lock("apt", timeout_seconds=600):
            run(["apt-mark", "hold", *unheld])
    return [name.rstrip("?") for name in missing]


def alternatives(entry: str) -> list[str]:
    """Return the names that satisfy an entry."""
    return entry.rstrip("?").split("|")


def wanted(entries: list[str], present: dict[str, str]) -> list[str]:
    """Return what has to be installed, marks of optional ones kept."""
    missing = [e for e in entries if not any(name in present for name in alternatives(e))]
    return [alternatives(e)[0] + ("?" if e.endswith("?") else "") for e in missing]


def known(name: str) -> bool:
    """Return whether the package sources offer a package."""
    result = run(["apt-cache", "policy", name], check=False).stdout
    return "Candidate:" in result and "Candidate: (none)" not in result


def versions(entries: list[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    names = sorted({name for entry in entries for name in alternatives(entry)})
    if not names:
        return {}
    shown = "${db:Status-Status} ${Package} ${Version}\n"
    result = run(["dpkg-query", "--show", f"--showformat={shown}", *names], check=False)
    rows = [line.split(" ", 2) for line in result.stdout.splitlines()]
    return {
        name: version for status, name, version in rows if status == "installed" and name in names
    }


def is_stock(package: str, name: str) -> bool:
    """Return whether a file, or what a link leads to, is as its package shipped it."""
    path = at(name)
    if path.is_symlink():
        name = str(path.parent.joinpath(path.readlink()))
        path = at(name)
    listed = run(["dpkg-query", "-W", "-f=${Conffiles}", package], check=False).stdout
    found = re.search(rf"^\s*{re.escape(name)} ([0-9a-f]{{32}})", listed, re.MULTILINE)
    # MD5 is what dpkg keeps; it is compared, not trusted.
    return (
        found is not None
        and path.is_file()
        and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == found[1]
    )
