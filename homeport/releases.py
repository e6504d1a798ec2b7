"""What a stack's apps ran before, and the way back: read from the engine's history, nowhere else.

A program says in its output `release_settings` which setting makes each app's release, as in
`{"web": "app.image"}`: a text, or an object such as an artefact's address with its hash. What that
setting was in each successful `up` is in the engine's history, so that listing releases asks no
server.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from homeport import stacks

OUTPUT = "release_settings"
"""The output in which a program names the setting of each app's release."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What a setting was for a while: a run of successful updates that did not change it."""

    app: str
    """The app's name."""
    value: str
    """The setting's value, such as an image reference; what is no text is written as JSON."""
    given: Any
    """The same as the configuration holds it."""
    update: int
    """The number of the first update with it."""
    since: datetime
    """When that update started."""
    current: bool
    """Whether it is what runs now."""


def settings(aim: stacks.Target) -> dict[str, str]:
    """Return the setting of each app's release.

    Raises:
        StackError: the stack was never brought up, or its program names none.
    """
    named = stacks.outputs(aim).get(OUTPUT)
    if not isinstance(named, dict) or not named:
        msg = (
            f"{aim.name}/{aim.stack} has no output {OUTPUT}: bring it up first, and let its "
            f'program say which setting makes a release: pulumi.export("{OUTPUT}", '
            '{"web": "app.image"})'
        )
        raise stacks.StackError(msg)
    return {str(app): str(setting) for app, setting in named.items()}


def history(aim: stacks.Target) -> list[dict[str, Any]]:
    """Return the engine's updates of this stack, the newest first.

    A backend in files or a bucket does not number them: there the first is number 1.
    """
    updates: list[dict[str, Any]] = json.loads(
        stacks.answer(aim, ["stack", "history", "--json", "--full-dates"])
    )
    return [
        {**update, "version": update["version"] or len(updates) - newer}
        for newer, update in enumerate(updates)
    ]


def past(
    named: Mapping[str, str], project: str, updates: Sequence[Mapping[str, Any]]
) -> list[Past]:
    """Return what every app ran, the newest first; the same value twice in a row is one entry."""
    done = [u for u in updates if u["kind"] == "update" and u["result"] == "succeeded"]
    found: list[Past] = []
    for app, setting in named.items():
        entries: list[Past] = []
        for update in reversed(done):
            given = given_in(update["config"], project, setting)
            if given is None or (entries and entries[-1].given == given):
                continue
            since = datetime.fromisoformat(update["startTime"]).astimezone(UTC)
            value = given if isinstance(given, str) else json.dumps(given, sort_keys=True)
            about: dict[str, Any] = {"app": app, "value": value, "given": given}
            entries.append(Past(**about, update=update["version"], since=since, current=False))
        if entries:
            entries[-1] = dataclasses.replace(entries[-1], current=True)
        found += reversed(entries)
    return found


def given_in(config: Mapping[str, Any], project: str, setting: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a plain setting of an update, such as `app.image`; None where there was none."""
    key, *path = setting.split(".")
    entry = config.get(f"{project}:{key}")
    if entry is None or entry.get("secret"):
        return None
    value: Any = entry.get("objectValue", entry.get("value"))
    if path and isinstance(value, str):
        value = json.loads(value)
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def leaves(path: str, given: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON
    """Return the plain values that a setting is made of, each by its path in the configuration."""
    if isinstance(given, Mapping):
        below = {f"{path}[{json.dumps(key)}]": value for key, value in given.items()}
    elif isinstance(given, list):
        below = {f"{path}[{number}]": value for number, value in enumerate(given)}
    else:
        return {path: given if isinstance(given, str) else json.dumps(given)}
    return {
        key: text for inner, value in below.items() for key, text in leaves(inner, value).items()
    }


def choose(entries: Iterable[Past], app: str, wanted: str | None) -> Past:
    """Return the entry to go back to: the one before the current one, or the one that is named.

    Args:
        entries: what `past` found.
        app: the app's name.
        wanted: an update's number, or any part of the value, such as an image's tag or digest.

    Raises:
        StackError: there is no such app or entry, or more than one; naming those there are.
    """
    own = [entry for entry in entries if entry.app == app]
    if not own:
        apps = ", ".join(sorted({entry.app for entry in entries})) or "none"
        msg = f"no app {app} has been deployed in this stack; there are: {apps}"
        raise stacks.StackError(msg)
    other = [entry for entry in own if not entry.current]
    listed = ", ".join(f"{entry.update} ({entry.value})" for entry in other) or "none"
    if wanted is None:
        if not other:
            msg = f"{app} has no release before the present one"
            raise stacks.StackError(msg)
        return other[0]
    matching = [e for e in other if wanted == str(e.update)]
    matching = matching or [e for e in other if wanted in e.value]
    values = {entry.value for entry in matching}
    if len(values) != 1:
        how_many = "more than one release" if values else "no earlier release"
        msg = f"{how_many} of {app} fits {wanted!r}; name one of: {listed}"
        raise stacks.StackError(msg)
    return matching[0]


def rollback(aim: stacks.Target, app: str, wanted: str | None) -> Past:
    """Put an earlier release of an app into the stack's configuration; changes nothing else.

    `up` then makes it what runs, by the same five steps as every release.

    Raises:
        StackError: there is nothing to go back to, or it cannot be told which.
    """
    named = settings(aim)
    entry = choose(past(named, aim.name, history(aim)), app, wanted)
    file = aim.project / f"Pulumi.{aim.stack}.yaml"
    key, options = f"{aim.name}:{named[app]}", ["--config-file", str(file), "--path"]
    if not isinstance(entry.given, str):
        # What only the present one has must not stay.
        stacks.answer(aim, ["config", "rm", *options, key])
    plain = [f"--plaintext={path}={text}" for path, text in leaves(key, entry.given).items()]
    stacks.answer(aim, ["config", "set-all", *options, *plain])
    return entry
