"""A copy of an app to throw away: in a network without a way out, under the names it knows.

The copy of the database answers to the names of the real one, so that the app needs no other
settings; and there is nothing else that it could reach, no mail server, no bucket, no real data.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import _engineapi
import _versions
from _dumps import RANDOM, inside, pipe, plain_sha256
from _homeport import Spec, at, fail, run
from _room import check_disk
from _snapshots import size, tree_sha256, unpack
from _successors import MARK, Settings, data_of, first_network, successor
from _versions import container, image_settings, mark, say, server

READY_SECONDS = 120
FREE_MIB = 1024
COPIES = 3
"""A dump, a copy of it, and the way back."""
CURE = "nothing of the real app was touched; mend it and run `pulumi up` again"


class Clone:
    """The copy: names that belong to one upgrade, so that what was left of an earlier one goes."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.network = f"{spec['system']}-{spec['name']}-trial"
        self.app = f"{self.network}-app"
        self.database = f"{self.network}-db"
        self.server: Spec = {}
        self._volumes: dict[str, str] = {}

    def restore(self, backup: Path) -> None:
        """Start the database's copy with what was backed up; prove that it is that."""
        manifest = json.loads((backup / "manifest.json").read_text())
        for index, (name, saved) in enumerate(sorted(manifest["volumes"].items())):
            self._volumes[name] = volume = self._volume(f"data-{index}")
            unpack(backup / saved["file"], mountpoint(volume))
            if tree_sha256(mountpoint(volume)) != saved["tree"]:
                fail(f"the backup of {name} does not come back as it was", "", CURE)
        self._start_database()
        with (backup / "database.dump").open("rb") as dump:
            argv = ["pg_restore", "--create", "--exit-on-error", "--dbname=postgres"]
            pipe(self.server, argv, "cannot be restored", cure=CURE, stdin=dump)
        if plain_sha256(self.server, CURE) != plain_of(backup / "database.sql"):
            fail("the restored database is not what was dumped", "", CURE)

    def try_stage(self, stage: Settings, wanted: "dict[str, str]") -> None:
        """Boot one version on the copy, and see that it is well and has all rows."""
        old = container(self._spec["container"])
        body = successor(
            old,
            image_settings(old["Image"]),
            _versions.image_of(self._spec, stage),
            upgrade=mark(self._spec),
            environment=stage["environment"],
            volumes=self._volumes,
            network=self.network,
            closed=True,
        )
        _versions.remove(self.app)
        _engineapi.create(self.app, body)
        run(["docker", "start", self.app])
        _versions.well(self._spec, self.app, stage["version"], stage["timeout_seconds"])
        _versions.same_counts(self._spec, self.server, stage["version"], wanted)
        run(["docker", "stop", self.app])

    def remove(self) -> None:
        """Remove all of it, and what was left of an earlier one."""
        _versions.remove(self.app, self.database)
        ours = f"label={MARK}={mark(self._spec)}"
        for kind in ("volume", "network"):
            for name in run(["docker", kind, "ls", "--quiet", "--filter", ours]).stdout.split():
                run(["docker", kind, "rm", name])

    def make_network(self) -> None:
        """Make the network that leads nowhere."""
        run(["docker", "network", "create", "--internal", self._label(), self.network])

    def _label(self) -> str:
        return f"--label={MARK}={mark(self._spec)}"

    def _volume(self, role: str) -> str:
        name = f"{self.network}-{role}"
        run(["docker", "volume", "create", self._label(), name])
        return name

    def _start_database(self) -> None:
        real = container(self._spec["database"]["container"])
        own = {name: self._volume(f"db-{i}") for i, name in enumerate(sorted(data_of(real)))}
        body = successor(
            real,
            image_settings(real["Image"]),
            real["Image"],
            upgrade=mark(self._spec),
            volumes=own,
            network=self.network,
            closed=True,
        )
        _engineapi.create(self.database, body)
        run(["docker", "start", self.database])
        self.server = server(self._spec, self.database)
        self._wait()
        roles = run([*inside(server(self._spec)), "pg_dumpall", "--roles-only"]).stdout
        # Those that the image has made are there already: what is said of them counts, too.
        run([*inside(self.server), "psql", "-Xq", "-d", "postgres"], stdin=roles)
        name = _versions.quoted(self.server["database"])
        _versions.query(self.server, f"DROP DATABASE IF EXISTS {name}", "postgres")

    def _wait(self) -> None:
        end = time.monotonic() + READY_SECONDS
        # By TCP: while it initialises, the image's server listens on its socket only.
        argv = [*inside(self.server), "pg_isready", "-q", "-h", "127.0.0.1"]
        while run(argv, check=False).returncode != 0:
            if time.monotonic() > end:
                said = _versions.words(container(self.database))
                fail("the copy of the database did not start", said, CURE)
            time.sleep(0.5)


@contextlib.contextmanager
def clone(spec: Spec) -> Iterator[Clone]:
    """Have a copy to throw away; it goes whatever happens."""
    made = Clone(spec)
    made.remove()
    try:
        made.make_network()
        yield made
    finally:
        made.remove()
        say(spec, "the copy is removed")


def mountpoint(volume: str) -> Path:
    """Return the folder of a volume, or the folder itself."""
    if volume.startswith("/"):
        return at(volume)
    shown = run(["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", volume])
    return at(shown.stdout.strip())


def plain_of(file: Path) -> str:
    """Return the hash of a plain dump that lies in a file."""
    found = hashlib.sha256()
    with file.open("rb") as lines:
        for line in lines:
            if not line.startswith(RANDOM):
                found.update(line)
    return found.hexdigest()


def check(spec: Spec, old: Settings) -> None:
    """Refuse an app that could not be brought back: unnamed data, a borrowed network, no room."""
    unnamed = set(data_of(old)) - set(spec["volumes"])
    if unnamed:
        listed = ", ".join(sorted(unnamed))
        fail(f"{spec['container']} also writes to {listed}", "", "name it in `volumes`")
    strange = set(spec["volumes"]) - set(data_of(old))
    if strange:
        listed = ", ".join(sorted(strange))
        fail(f"{spec['container']} has no data in {listed}", "", "correct `volumes`")
    network = first_network(old)
    if network == "host" or network.startswith("container:"):
        what = f"{spec['container']} uses the network {network}, in which nobody can be kept out"
        fail(what, "", "give it a network of its own first")
    database = int(_versions.query(server(spec), "SELECT pg_database_size(current_database())"))
    volumes = sum(size(mountpoint(name)) for name in spec["volumes"])
    check_disk(_versions.place(spec), FREE_MIB, "the upgrade", COPIES * (database + volumes))
