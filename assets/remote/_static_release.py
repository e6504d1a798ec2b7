"""Makes a release of a static app out of an artefact, as a whole or not at all.

It is the gate: without index.html, with a file that the proxy could not read, or with a hashed name
whose content is not what it was, there is no release.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import _compressed
from _homeport import Spec, at, fail, make_directory, run
from _static import (
    VARIANTS,
    Manifest,
    give,
    home,
    kept,
    live,
    make_folders,
    manifest,
    place,
    remove_empty,
    write,
)

HASH = re.compile(
    r"[.-](?:(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}(?=\.)"
    r"|[0-9a-f]{8,64}(?=(?:\.chunk)?\.(?:js|mjs|css)(?:\.map)?$))"
)
"""Eight or more hexadecimal digits; but for scripts and styles of both kinds: a date is none."""
SERVED_HIDDEN = ".well-known"

Files = dict[str, "Path | str"]
"""By path: a file of the artefact, or the text that the program gives."""


def make(spec: Spec) -> None:
    """Make the release under another name, and give it its own when all is well."""
    files = wanted(spec)
    gate(spec, files)
    make_directory(home(spec).parent, mode=0o711)
    make_directory(home(spec), mode=0o750, group=spec["account"])
    fresh = place(spec, f".{spec['release']}")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        made = fill(spec, fresh, files)
        check_names(spec, made)
        check_readable(spec, fresh)
        write(fresh / "manifest.json", made)
        run(["sync", "--file-system", str(fresh)])
        fresh.rename(place(spec, spec["release"]))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        remove_empty(spec)


def wanted(spec: Spec) -> Files:
    """Return everything that is to be served: the artefact's files, and ours over them."""
    source = at(spec["artefact"]) / spec["folder"]
    if not source.is_dir():
        there = ", ".join(sorted(path.name for path in at(spec["artefact"]).iterdir()))
        fail(f"the artefact has no folder {spec['folder']!r}; it has {there}", "", "correct folder")
    found: Files = {path.relative_to(source).as_posix(): path for path in walk(source)}
    for path, text in spec["files"].items():
        # The artefact's variants are of its own file, not of ours.
        for ending in VARIANTS:
            found.pop(f"{path}{ending}", None)
        found[path] = text
    return found


def walk(folder: Path) -> "Iterator[Path]":
    """Yield every file; what is hidden is not for the public, but for what has to be."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") and path.name != SERVED_HIDDEN:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        elif path.is_file():
            yield path
        else:
            what = f"{path.name} in the artefact is no file"
            fail(what, "", "put files into it, no links to folders")


def gate(spec: Spec, files: Files) -> None:
    """End the step when what every visitor needs is missing."""
    for path in ["/", *spec["check_paths"]]:
        name = path.strip("/")
        index = f"{name}/index.html".lstrip("/")
        found = files.get(name, files.get(index))
        if found is None:
            cure = "build it again, or say with `folder` where in it the site lies"
            fail(f"the artefact has no {name or index}", "", cure)
        if isinstance(found, Path) and found.stat().st_size == 0:
            fail(f"the artefact's {found.name} for {path} is empty", "", "build it again")
    free = shutil.disk_usage(home(spec).parents[1]).free
    size = sum(path.stat().st_size for path in files.values() if isinstance(path, Path))
    if free < 2 * size + spec["disk_mib"] * 2**20:
        what = f"the site needs up to {2 * size // 2**20} MiB, {free // 2**20} MiB are free"
        fail(what, "", "make room: `df -h` and `du -xh / | sort -h | tail` show what takes it")


def fill(spec: Spec, fresh: Path, files: Files) -> Manifest:
    """Write all files with their variants; return what lies where."""
    made: Manifest = {"site": {}, "hashed": {}}
    for part in made:
        make_folders(spec, fresh / part)
    for path, content in sorted(files.items()):
        if variant_of(path, files):
            continue
        part = "hashed" if is_hashed(spec, path) else "site"
        target = fresh / part / path
        make_folders(spec, target.parent)
        put(content, target)
        made[part][path] = _compressed.date(target)
        brought = {end: files[path + end] for end in VARIANTS if path + end in files}
        for ending, variant in brought.items():
            put(variant, Path(f"{target}{ending}"))
            _compressed.compare(Path(f"{target}{ending}"), ending, made[part][path], path)
        _compressed.make(target, [end for end in VARIANTS if end not in brought])
        for ending in VARIANTS:
            if (variant_file := Path(f"{target}{ending}")).is_file():
                _compressed.date(variant_file)
                give(spec, variant_file, 0o640)
        give(spec, target, 0o640)
    return made


def variant_of(path: str, files: Files) -> bool:
    """Return whether this is another file in compressed form."""
    base, dot, ending = path.rpartition(".")
    return f"{dot}{ending}" in VARIANTS and base in files


def is_hashed(spec: Spec, path: str) -> bool:
    """Return whether a file's name changes with its content; that of a page never does."""
    if path.endswith((".html", ".htm")):
        return False
    inside = any(f"/{path}".startswith(f"{folder}/") for folder in spec["hashed_folders"])
    return inside or HASH.search(path.rpartition("/")[2]) is not None


def put(content: "Path | str", target: Path) -> None:
    """Write one file."""
    if isinstance(content, str):
        target.write_text(content)
        return
    try:
        shutil.copyfile(content, target)
    except OSError as error:
        fail(f"{content.name} of the artefact cannot be read: {error}", "", "build it again")


def check_names(spec: Spec, made: Manifest) -> None:
    """Refuse a hashed name with another content than before: browsers would keep the old one."""
    before = live(spec)
    if before is None:
        return
    old = manifest(spec, before)["hashed"]
    for path, sha256 in made["hashed"].items():
        if old.get(path, sha256) != sha256 or changed_kept(spec, before, path, sha256):
            what = (
                f"{path} is not what it was, but has the same name, which browsers keep for a year"
            )
            cure = "let its name change with its content, or take its folder out of hashed_folders"
            fail(what, "", cure)


def changed_kept(spec: Spec, before: str, path: str, sha256: str) -> bool:
    """Return whether a release before the live one had another content under this name."""
    if path not in kept(spec, before):
        return False
    with (place(spec, before) / "hashed" / path).open("rb") as file:
        return _compressed.sha256_of(file) != sha256


def check_readable(spec: Spec, fresh: Path) -> None:
    """End the step when the proxy's account could not read something."""
    find = ["env", "--chdir=/", "find", str(fresh), "!", "-readable", "-print", "-quit"]
    found = run(["runuser", "-u", spec["account"], "--", *find], check=False)
    if found.returncode != 0 or found.stdout.strip():
        what = f"the account {spec['account']} cannot read the release"
        cure = f"`namei -l {home(spec)}` shows which folder is closed to it"
        fail(what, found.stdout + found.stderr, cure)
