"""Runs a Pulumi program without an engine and returns everything it asked for, as plain data.

The recorder is strict: what the real engine would refuse, or what would only show on a real host
(a duplicate name, a lost output, a leaked secret), fails here, with all findings together. Every
call runs in a context and an event loop of its own: a test may call `record` many times.
"""

import asyncio
import contextvars
import dataclasses
import json
import runpy
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import mocks, settings, stack
from pulumi.runtime.proto import engine_pb2, resource_pb2

from tests import recorder_rules
from tests.provider_answers import ANSWERS, Answer
from tests.recorder_wire import UNKNOWN, Secret, decode, encode, hide, reveal

__all__ = ["UNKNOWN", "Deployment", "Message", "Options", "Record", "RecorderError", "Secret"]
__all__ += ["record", "reveal"]

STACK = "pulumi:pulumi:Stack"
ROOT = Path(__file__).parent.parent

Program = Callable[[], None] | Path
Answering = Mapping[str, Mapping[str, Any]]


class RecorderError(AssertionError):
    """The program ran, but did something that would fail or harm with the real engine."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The resource options as the engine receives them; property names are the provider's."""

    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    protect: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None
    aliases: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    additional_secret_outputs: tuple[str, ...] = ()
    deleted_with: str | None = None
    replace_with: tuple[str, ...] = ()
    retain_on_delete: bool | None = None
    custom_timeouts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    provider: str | None = None
    providers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    version: str = ""
    import_id: str = ""
    hooks: tuple[str, ...] = ()
    """Names of the resource hooks, each after the moment at which it runs."""


@dataclasses.dataclass(kw_only=True)
class Record:
    """One registration: what the program asked for, and what the providers would have answered."""

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    options: Options
    id: str = ""
    outputs: dict[str, Any] | None = None
    """Of a component: what it registered, None if it never did. Of others: the answer."""


@dataclasses.dataclass(frozen=True)
class Message:
    """A line the program logged."""

    severity: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything a program asked for, sorted by URN."""

    resources: list[Record]
    outputs: dict[str, Any]
    """The stack's exports."""
    messages: list[Message]
    invokes: list[tuple[str, dict[str, Any]]]
    secrets: frozenset[str]
    """Every secret value that the configuration or a provider gave."""

    def of_type(self, type_: str) -> list[Record]:
        """Return the resources of a type, given as its token or as what follows the last colon."""
        return [r for r in self.resources if r.type == type_ or r.type.endswith(f":{type_}")]

    def one(self, type_: str, name: str | None = None) -> Record:
        """Return the only resource of a type (and name); fails with what there is instead."""
        found = [r for r in self.of_type(type_) if name in (None, r.name)]
        if len(found) == 1:
            return found[0]
        have = ", ".join(r.name for r in self.of_type(type_)) or "none of that type"
        msg = f"{len(found)} resources are {type_} {name or '(any name)'}; there are: {have}"
        raise AssertionError(msg)

    def by_urn(self, urn: str) -> Record:
        """Return the resource with this URN, which is how options name other resources."""
        return next(r for r in self.resources if r.urn == urn)


class _Engine(mocks.MockEngine):
    def __init__(self, messages: list[Message]) -> None:
        super().__init__(None)
        self._messages = messages

    def Log(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        severity = engine_pb2.LogSeverity.Name(request.severity).lower()
        if severity != "debug":
            self._messages.append(Message(severity, request.message))
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, _: Any) -> Any:  # noqa: N802
        return engine_pb2.RequirePulumiVersionResponse()


class _Callbacks:
    """Takes the hooks of a program; nothing calls them here."""

    def register_resource_hook(self, _: Any) -> None:
        """Accept a hook."""

    register_error_hook = register_resource_hook


class _Monitor(mocks.MockMonitor):
    """Answers as the engine would and keeps the whole of every request."""

    def __init__(
        self, system: tuple[str, str], *, preview: bool, answers: Answering, invokes: Answering
    ) -> None:
        self._stack, self._project = system
        self._preview = preview
        self._answers = answers
        self._invokes = invokes
        self._lock = threading.Lock()
        self.records: dict[str, Record] = {}
        self.exports: dict[str, Any] = {}
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.problems: list[str] = []
        self.secrets: set[str] = set()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        qualified = parent.split("::")[2] if parent else STACK
        path = type_ if qualified == STACK else f"{qualified}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{path}::{name}"

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        arguments = decode(request.args)
        self.invoked.append((request.tok, arguments))
        if request.tok not in self._invokes:
            self.problems.append(
                f"{request.tok}: unknown invoke with {arguments}; answer it with record(invokes=…)"
            )
        result = encode(self._invokes.get(request.tok, {}))
        return resource_pb2.ResourceInvokeResponse(**{"return": result})

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        self.problems.append(f"{request.type} {request.name}: reads what the program did not make")
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=request.properties)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        made = Record(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=request.parent,
            custom=request.custom,
            inputs=decode(request.object),
            options=_options(request),
        )
        with self._lock:
            if urn in self.records:
                self.problems.append(f"{made.type} {made.name}: the URN {urn} exists already")
            self.records[urn] = made
        answer = self._answer(made) if made.custom and not self._preview else Answer("")
        returned = Struct()
        returned.CopyFrom(request.object)
        returned.MergeFrom(encode(answer.outputs, secret=answer.secret))
        hide(returned, made.options.additional_secret_outputs)
        made.id = answer.id
        if made.custom:
            made.outputs = decode(returned)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=answer.id, object=returned)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        outputs = decode(request.outputs)
        if request.urn.split("::")[2] == STACK:
            self.exports = outputs
        else:
            self.records[request.urn].outputs = outputs
        return empty_pb2.Empty()

    def _answer(self, made: Record) -> Answer:
        function = ANSWERS.get(made.type)
        if function is None:
            self.problems.append(
                f"{made.type} {made.name}: tests/provider_answers.py does not know this type; "
                "add what the provider would compute"
            )
            return Answer("")
        answer = function(made.name, reveal(made.inputs))
        outputs = {**answer.outputs, **self._answers.get(made.name, {})}
        self.secrets.update(str(outputs[key]) for key in answer.secret)
        return dataclasses.replace(answer, outputs=outputs)


def record(
    program: Program,
    *,
    stack: str = "staging",
    project: str = "homeport",
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    preview: bool = False,
    answers: Answering | None = None,
    invokes: Answering | None = None,
    root: Path | None = None,
) -> Deployment:
    """Run `program` and return all that it asked for, after every registration has arrived.

    Args:
        program: a function, or the path of a `__main__.py`, which is run afresh.
        stack: the stack's name.
        project: the project's name.
        config: configuration; a key without a namespace gets the project's; other than text is
            given as JSON, as the engine does.
        secrets: configuration that was set with `--secret`.
        preview: whether computed outputs are unknown, as in a first preview; nothing that waits for
            one of them runs.
        answers: outputs by logical name, in place of those of `provider_answers`.
        invokes: results of provider functions by token; any other call fails.
        root: the project's folder; that of a program file, or this repository's, without.

    Raises:
        RecorderError: with every finding; what the program itself raises comes out unchanged.
    """
    values = {**_qualified(project, config or {}), **_qualified(project, secrets or {})}
    hidden = [*_qualified(project, secrets or {})]
    monitor = _Monitor(
        (stack, project), preview=preview, answers=answers or {}, invokes=invokes or {}
    )
    monitor.secrets.update(values[key] for key in hidden)
    messages: list[Message] = []

    folder = root or (program.parent if isinstance(program, Path) else ROOT)

    def run() -> None:
        settings.configure(
            settings.Settings(
                project=project,
                stack=stack,
                monitor=monitor,
                engine=_Engine(messages),
                dry_run=preview,
                organization="organization",
                root_directory=str(folder),
            )
        )
        settings.SETTINGS.callbacks = _Callbacks()
        pulumi_config.set_all_config(values, hidden)
        with asyncio.Runner() as runner:
            # Monitor calls of resource constructors look for the thread's loop.
            asyncio.set_event_loop(runner.get_loop())
            runner.run(_in_stack(program))

    failure = _in_own_context(run)
    deployment = Deployment(
        resources=sorted(monitor.records.values(), key=lambda made: made.urn),
        outputs=monitor.exports,
        messages=messages,
        invokes=monitor.invoked,
        secrets=frozenset(monitor.secrets),
    )
    problems = [*monitor.problems]
    if failure is None:
        problems += recorder_rules.findings(deployment)
    if problems:
        raise RecorderError("\n".join(problems)) from failure
    if failure is not None:
        raise failure
    return deployment


async def _drained(_: bool = True) -> None:
    """Wait until nothing is under way, raising the first error.

    As `pulumi.runtime.stack.wait_for_rpcs`, which looks at every pending output again whenever one
    of them is done: with a whole program under test, that is a third of the time.
    """
    rpcs = settings.SETTINGS.rpc_manager
    while rpcs.rpcs or settings.SETTINGS.outputs:
        while rpcs.rpcs:
            await asyncio.sleep(0)
            try:
                await rpcs.rpcs.pop()
            except Exception as error:
                raise rpcs.unhandled_exception or error from None
        if rpcs.unhandled_exception:
            raise rpcs.unhandled_exception
        pending = [*settings.SETTINGS.outputs]
        settings.SETTINGS.outputs.clear()
        await asyncio.gather(*pending)


stack.wait_for_rpcs = _drained


async def _in_stack(program: Program) -> None:
    async def run() -> None:
        if isinstance(program, Path):
            runpy.run_path(str(program), run_name="__main__")
        else:
            program()

    await stack.run_in_stack(run)


def _in_own_context(run: Callable[[], None]) -> BaseException | None:
    """Run in a new thread and an empty context, where Pulumi's settings are as in a new process."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(contextvars.Context().run, run).exception()


def _qualified(project: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {
        key if ":" in key else f"{project}:{key}": v if isinstance(v, str) else json.dumps(v)
        for key, v in values.items()
    }


def _options(request: Any) -> Options:
    defined = request.deleteBeforeReplaceDefined
    timeouts = request.customTimeouts
    trigger = request.HasField("replacement_trigger")
    return Options(
        dependencies=tuple(sorted(request.dependencies)),
        property_dependencies={
            key: tuple(sorted(value.urns)) for key, value in request.propertyDependencies.items()
        },
        protect=request.protect if request.HasField("protect") else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        replacement_trigger=decode(request.replacement_trigger) if trigger else None,
        aliases=tuple(_aliases(request)),
        delete_before_replace=request.deleteBeforeReplace if defined else None,
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        deleted_with=request.deletedWith or None,
        replace_with=tuple(sorted(request.replace_with)),
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        custom_timeouts={
            field.name: value for field, value in timeouts.ListFields() if isinstance(value, str)
        },
        provider=request.provider or None,
        providers=dict(request.providers),
        version=request.version,
        import_id=request.importId,
        hooks=tuple(
            f"{moment.name} {name}"
            for moment, names in request.hooks.ListFields()
            for name in names
        ),
    )


def _aliases(request: Any) -> Iterator[str]:
    for alias in request.aliases:
        spec = alias.spec
        yield alias.urn or f"{spec.type}::{spec.name}::{spec.parentUrn}"
