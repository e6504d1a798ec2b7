"""What the app is told by its environment, checked all together at the start."""

import dataclasses
import os
import sys
from pathlib import Path

STEPS = ("migration", "start", "health")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What one run works with."""

    release: str
    """The image's version."""
    database_url: str = dataclasses.field(repr=False)
    """Where its Postgres is."""
    api_key: str = dataclasses.field(repr=False)
    """What callers of the API show."""
    certificate: bytes = dataclasses.field(repr=False)
    """What it signs with."""
    objects: Path
    """The folder of sealed documents."""
    port: int
    """Where it listens, on all addresses."""
    fails_at: str
    """The step at which this version fails; empty: it does not."""


def load() -> Settings:
    """Return the settings, or end with 2 and a line for each thing that is wrong."""
    env, wrong = os.environ, []
    release = env.get("RELEASE", "dev")
    for name in ("DATABASE_URL", "API_KEY", "CERTIFICATE_FILE"):
        if not env.get(name):
            wrong.append(f"{name} is not set")
    certificate = b""
    if path := env.get("CERTIFICATE_FILE"):
        try:
            certificate = Path(path).read_bytes()
        except OSError as error:
            wrong.append(f"CERTIFICATE_FILE: {path}: {error.strerror}")
    version, _, step = env.get("FAIL_AT", "").partition(":")
    if version and (step or "migration") not in STEPS:
        wrong.append(f"FAIL_AT: {step!r} is none of {', '.join(STEPS)}")
    if wrong:
        sys.stderr.write("\n".join(wrong) + "\n")
        sys.exit(2)
    return Settings(
        release=release,
        database_url=env["DATABASE_URL"],
        api_key=env["API_KEY"],
        certificate=certificate,
        objects=Path(env.get("OBJECTS", "/data")),
        port=int(env.get("PORT", "3000")),
        fails_at=(step or "migration") if version == release else "",
    )
