"""Images that the local cloud itself consists of: Debian, the servers' disks, the services.

An image is named after the hash of everything that goes into it, so that an unchanged one is never
built twice and a changed one never overlooked.
"""

import concurrent.futures
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from homeport.cloud import daemon, docker
from homeport.cloud.contract import MachineryError
from homeport.cloud.instance import ROOT

FOLDER = ROOT / "testbed" / "images"
BUILT = "homeport.cloud.built"
"""The label of every image that was built here."""

SUITES = {"12": "bookworm", "13": "trixie"}
"""Debian's releases that servers can have, and their code names."""

SERVICES = {"edge": "13", "s3": "12"}
"""Images of the cloud's own services, and the Debian that each is built on."""

_COMMON = ("docker.io", "iptables", "caddy", "nginx-light", "restic", "fail2ban", "cryptsetup-bin")
_ROOTLESS = (
    *("podman", "crun", "uidmap", "passt", "slirp4netns", "fuse-overlayfs"),
    *("netavark", "aardvark-dns", "catatonit"),
)
PACKAGES = {
    "12": _COMMON,
    "13": (*_COMMON, "docker-cli", *_ROOTLESS),
}
"""Packages that lie in the servers' apt cache, so that installing them takes no download."""

GENERATED = {"__pycache__", "dist", "wheels", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
"""Folders that a build makes and that say nothing about what goes into it."""

BUILD_SECONDS = 1200.0
Progress = Callable[[str], None]


def ensure(progress: Progress) -> dict[str, str]:
    """Have all images of the cloud itself; return them by their names, servers' by `debian-…`."""
    debian = bases(progress)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        services = {
            name: pool.submit(build, name, FOLDER / name, {"BASE": debian[release]}, progress)
            for name, release in SERVICES.items()
        }
        servers = {
            f"debian-{release}": pool.submit(
                build,
                f"vps-{release}",
                FOLDER / "vps",
                {"BASE": debian[release], "PACKAGES": " ".join(PACKAGES[release])},
                progress,
            )
            for release in SUITES
        }
        return {name: done.result() for name, done in (services | servers).items()}


def bases(progress: Progress) -> dict[str, str]:
    """Have every release of Debian as an image; return their names."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(SUITES, pool.map(lambda r: base(r, progress), SUITES), strict=True))


def base(release: str, progress: Progress) -> str:
    """Return Debian as an image: one that is here, the official one, or one made by debootstrap.

    One that is made here gets the official one's name, so that ordinary Dockerfiles build; its
    label `homeport.cloud.built` says what it is.
    """
    name = f"debian:{release}"
    if docker.inspect("image", name):
        return name
    progress(f"looking for {name}")
    if docker.succeeds("pull", "--quiet", name, timeout=300):
        return name
    _debootstrap(release, name, progress)
    return name


def build(name: str, context: Path, arguments: dict[str, str], progress: Progress) -> str:
    """Build an image from a folder with a Dockerfile unless it is here already; return its name.

    The folder's script `prepare`, if it has one, makes first what the Dockerfile copies from dist/.

    Raises:
        MachineryError: the script or the build failed; with what it said.
    """
    base_id = image_id(arguments["BASE"])
    tag = f"homeport-cloud/{name}:{digest(context, arguments, base_id)}"
    if docker.inspect("image", tag):
        return tag
    progress(f"building {name}")
    if (context / "prepare").exists():
        _prepare(name, context)
    options = [
        part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")
    ]
    docker.run(
        *("build", "--quiet", "--tag", tag, "--label", f"{BUILT}={name}", *options, str(context)),
        timeout=BUILD_SECONDS,
    )
    return tag


def _prepare(name: str, context: Path) -> None:
    done = subprocess.run(
        [str(context / "prepare")],
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    if done.returncode != 0:
        msg = f"preparing {name} failed: {done.stderr.strip()[-1500:]}"
        raise MachineryError(msg)


def digest(context: Path, arguments: dict[str, str], base_id: str) -> str:
    """Return a hash over a folder's files, their modes, the build's arguments and the base."""
    found = hashlib.sha256(repr((sorted(arguments.items()), base_id)).encode())
    for path in sorted(context.rglob("*")):
        if path.is_file() and not GENERATED & set(path.relative_to(context).parts):
            executable = os.access(path, os.X_OK)
            found.update(repr((str(path.relative_to(context)), executable)).encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def purge() -> None:
    """Remove every image that was built here."""
    listed = docker.run("image", "ls", "--quiet", "--filter", f"label={BUILT}").split()
    if listed:
        docker.run("image", "rm", "--force", *sorted(set(listed)), timeout=300)


def image_id(name: str) -> str:
    """Return the id of an image that is here."""
    found = docker.inspect("image", name)
    if found is None:
        msg = f"there is no image {name}"
        raise MachineryError(msg)
    return str(found["Id"])


def _debootstrap(release: str, name: str, progress: Progress) -> None:
    suite = SUITES[release]
    if shutil.which("debootstrap") is None:
        daemon.install("debootstrap", progress=progress)
    progress(f"making {name} by debootstrap, since no registry has it (about a minute)")
    work = ROOT / ".homeport" / "cloud" / "build"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        root = Path(folder) / "root"
        argv = ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode != 0:
            said = done.stdout.strip().splitlines()[-3:]
            msg = f"debootstrap of {suite} failed: {' / '.join(said)}"
            raise MachineryError(msg)
        (root / "etc/resolv.conf").write_text("")
        for pattern in (
            "var/cache/apt/archives/*.deb",
            "var/cache/apt/*.bin",
            "var/lib/apt/lists/*_*",
        ):
            for file in root.glob(pattern):
                file.unlink()
        change = f"LABEL {BUILT}=debian-{release} org.opencontainers.image.title=stand-in"
        tar = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        try:
            subprocess.run(
                ["docker", "import", "--change", 'CMD ["bash"]', "--change", change, "-", name],
                stdin=tar.stdout,
                check=True,
                capture_output=True,
                timeout=300,
            )
        except subprocess.CalledProcessError as error:
            msg = f"docker import of {name} failed: {error.stderr.decode()}"
            raise MachineryError(msg) from error
        finally:
            tar.communicate()
