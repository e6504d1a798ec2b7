"""The versions of an app that is upgraded: which one runs, what is left, whether one is well."""

import contextlib
import http.client
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import _containers
from _asked import hide
from _dumps import inside
from _homeport import LONGEST_SECONDS, Spec, StepError, fail, folder, lock, make_directory, run
from _successors import Settings, variables

TRY_SECONDS = 5
POLL_SECONDS = 0.5
SUCCESSES = 2
LONGEST_BODY = 1 << 20
SECRET = ("KEY", "PASS", "SECRET", "TOKEN", "URL", "DSN")


def place(spec: Spec) -> Path:
    """Return the folder of an upgrade, which root alone enters."""
    path = folder(spec) / "upgrades" / spec["name"]
    for each in (path.parent, path):
        make_directory(each, mode=0o700)
    return path


def mark(spec: Spec) -> str:
    """Return the label's value of everything that an upgrade makes."""
    return f"{spec['system']}/{spec['name']}"


def say(spec: Spec, text: str) -> None:
    """Tell how far it is, to whoever waits and to the upgrade's log."""
    line = f"{time.strftime('%H:%M:%S', time.gmtime())} {spec['name']}: {text}\n"
    with (place(spec) / "log").open("a") as log:
        log.write(line)
    # Whoever waited may have been cut off: the work goes on.
    with contextlib.suppress(OSError):
        sys.stderr.write(line)
        sys.stderr.flush()


def alone(spec: Spec) -> "contextlib.AbstractContextManager[None]":
    """Let no other step of an upgrade run, nor one whose engine is gone."""
    return lock(f"upgrade-{spec['system']}-{spec['name']}", timeout_seconds=LONGEST_SECONDS)


def image_of(spec: Spec, stage: Settings) -> str:
    """Return the image that was pulled for a stage."""
    return _containers.image_of({**spec, "app": spec["name"], "release": stage["version"]})


def container(name: str) -> Settings:
    """Return a container that has to be there."""
    found = _containers.inspect(name)
    if not found:
        fail(f"there is no container {name}", "", "correct its name: `docker ps --all` lists them")
    return found


def image_settings(image: str) -> Settings:
    """Return what an image says about how it is run."""
    found: Settings = json.loads(run(["docker", "image", "inspect", image]).stdout)[0]["Config"]
    return found


def server(spec: Spec, name: str = "") -> Spec:
    """Return how the database of an app is reached, in its own server or in another one."""
    own = spec["database"]["container"]
    return {
        "container": name or own,
        "database": spec["database"]["name"],
        "superuser": variables(container(own)).get("POSTGRES_USER", "postgres"),
        "timeout_seconds": spec["timeout_seconds"],
    }


def query(at_server: Spec, sql: str, database: str = "") -> str:
    """Run statements, each by itself, and return what they print."""
    argv = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database or at_server["database"]]
    ended = subprocess.run(
        [*inside(at_server), *argv],
        input=sql,
        capture_output=True,
        text=True,
        timeout=at_server["timeout_seconds"],
        check=False,
    )
    if ended.returncode != 0:
        fail(f"SQL in {at_server['container']} failed: {sql}", ended.stderr)
    return ended.stdout.strip()


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def refresh(at_server: Spec) -> None:
    """Write indexes anew by the collations that the system has now, and say which those are."""
    name = quoted(at_server["database"])
    if int(query(at_server, "SHOW server_version_num")) >= 150000:
        query(at_server, f"ALTER DATABASE {name} REFRESH COLLATION VERSION")
    query(at_server, f"REINDEX DATABASE {name}")


def after(spec: Spec, version: str) -> "list[Settings]":
    """Return the stages that come after a version, each with all that changes up to it."""
    environment: dict[str, str] = {}
    counts = dict(spec["counts"])
    stages, found = [], version == spec["version"]
    for stage in spec["stages"]:
        environment |= stage["environment"]
        counts |= stage["counts"]
        if found:
            stages.append({**stage, "environment": dict(environment), "counts": dict(counts)})
        found = found or stage["version"] == version
    return stages


def counts(spec: Spec, at_server: Spec, version: str) -> "dict[str, str]":
    """Return what is counted in the database of a version."""
    queries = dict(spec["counts"])
    versions = [stage["version"] for stage in spec["stages"]]
    if version in versions:
        for stage in spec["stages"][: versions.index(version) + 1]:
            queries |= stage["counts"]
    return {label: query(at_server, sql) for label, sql in queries.items()}


def present(spec: Spec, name: str) -> str:
    """Return the version that a container answers with, one of those that are known."""
    known = [spec["version"], *(stage["version"] for stage in spec["stages"])]
    found, problem = "", ""
    for _ in range(10):
        found, problem = ask(spec, container(name))
        if found in known and not problem:
            return found
        time.sleep(POLL_SECONDS)
    what = f"{name} answers as version {found or 'nothing'}, not as one of {', '.join(known)}"
    cure = "correct `version`, or see that the app is well before it is upgraded"
    raise StepError(what, problem, cure)


def ask(spec: Spec, found: Settings) -> "tuple[str, str]":
    """Return the version that a container answers with, and what is wrong with its answers."""
    probe = spec["probe"]
    address = address_of(found)
    if not found["State"]["Running"] or not address:
        return "", "it does not run"
    problem, body = get(address, probe["port"], probe["path"], {})
    if problem:
        return "", problem
    version = ""
    with contextlib.suppress(ValueError, AttributeError):
        version = str(json.loads(body).get(probe["version_key"], ""))
    if probe["api_path"]:
        env = variables(found)
        headers = {key: filled(text, env) for key, text in probe["api_headers"].items()}
        problem, _ = get(address, probe["port"], probe["api_path"], headers)
    return version, problem


def filled(text: str, env: "dict[str, str]") -> str:
    """Return a text with the variables of a container in it; one that it does not have is empty."""
    return re.sub(r"\{(\w+)\}", lambda found: env.get(found[1], ""), text)


def get(address: str, port: int, path: str, headers: "dict[str, str]") -> "tuple[str, str]":
    """Return what is wrong with an answer, and its body."""
    connection = http.client.HTTPConnection(address, port, timeout=TRY_SECONDS)
    try:
        own = {"User-Agent": "homeport", "Connection": "close"}
        connection.request("GET", path, headers={**headers, **own})
        response = connection.getresponse()
        body = response.read(LONGEST_BODY).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{path}: {type(error).__name__}: {error}", ""
    finally:
        connection.close()
    return ("", body) if response.status == 200 else (f"{path}: {response.status}", body)


def address_of(found: Settings) -> str:
    """Return an address at which the host reaches a container."""
    networks: dict[str, Any] = found["NetworkSettings"]["Networks"] or {}
    return next((each["IPAddress"] for each in networks.values() if each.get("IPAddress")), "")


def well(spec: Spec, name: str, version: str, seconds: int) -> None:
    """Wait until a container answers as a version, more than once; its end ends the wait."""
    end, good, problem = time.monotonic() + seconds, 0, ""
    while good < SUCCESSES:
        found = container(name)
        if found["State"]["Status"] in ("exited", "dead"):
            what = f"{version} ended with {found['State']['ExitCode']}"
            fail(what, words(found), f"mend what it says: `docker logs` of {version}")
        answered, problem = ask(spec, found)
        if not problem and answered != version:
            problem = f"it answers as version {answered or 'nothing'}"
        good = 0 if problem else good + 1
        if time.monotonic() > end:
            what = f"{version} was not well within {seconds} s: {problem}"
            fail(what, words(found), "mend what it says, or raise timeout_seconds of its stage")
        time.sleep(POLL_SECONDS)


def words(found: Settings) -> str:
    """Return a container's last lines, without the values of variables that may be secret."""
    result = run(["docker", "logs", "--tail", "40", found["Id"]], check=False)
    env = variables(found)
    secrets = {key: text for key, text in env.items() if any(each in key for each in SECRET)}
    return hide(result.stdout + result.stderr, secrets)


def same_counts(spec: Spec, at_server: Spec, version: str, wanted: "dict[str, str]") -> None:
    """Refuse a version that has lost or invented rows."""
    found = counts(spec, at_server, version)
    wrong = [
        f"{k}: {wanted[k]} before, {found.get(k)} now" for k in wanted if found[k] != wanted[k]
    ]
    if wrong:
        cure = "look at its migrations, or correct the stage's `counts`"
        fail(f"{version} does not have the rows that were there", "\n".join(wrong), cure)


def remove(*names: str) -> None:
    """Remove containers, running or not; those that are not there are fine."""
    for name in names:
        if _containers.inspect(name):
            run(["docker", "rm", "--force", "--volumes", name])
