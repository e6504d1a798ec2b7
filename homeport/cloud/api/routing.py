"""From a request to a handler and back: parsing, transactions, lists, and the common routes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import pydantic
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homeport.cloud.api import actions, errors
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.listing import Query, page
from homeport.cloud.api.store import Doc

Method = Literal["GET", "POST", "PUT", "DELETE"]
Render = Callable[[Cloud, Doc], Doc]


class Body(pydantic.BaseModel):
    """A request body; fields that it does not know are ignored, as the vendor does."""

    model_config = pydantic.ConfigDict(extra="ignore", str_strip_whitespace=False)


B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class Call:
    """One request: where it goes and what it brings."""

    cloud: Cloud
    path: Mapping[str, str]
    query: Query
    payload: Any  # any JSON; `body` gives it a type

    def body(self, model: type[B]) -> B:
        """Return the body as a model.

        Raises:
            ApiError: `invalid_input`, with every field that is wrong.
        """
        try:
            return model.model_validate(self.payload)
        except pydantic.ValidationError as error:
            raise errors.from_validation(error) from error

    def number(self, name: str = "id") -> int:
        """Return an id from the path; a text that is none names nothing that exists.

        Raises:
            ApiError: `not_found`.
        """
        text = self.path[name]
        if not text.isdecimal():
            raise errors.not_found("resource", text)
        return int(text)

    def doc(self, kind: str) -> Doc:
        """Return the document that the path names.

        Raises:
            ApiError: `not_found`.
        """
        return self.cloud.store.require(kind, self.number())


@dataclass(frozen=True)
class Reply:
    """What a handler answers.

    `after` is an action that must have ended before the answer goes out, for what the vendor does
    at once; when it failed, the answer is an error instead.
    """

    body: Doc | None = None
    status: int = 200
    after: int | None = None


Handler = Callable[[Call], Reply]


@dataclass
class Routes:
    """The routes of one resource, collected by decorators."""

    prefix: str
    found: list[tuple[Method, str, Handler]] = field(default_factory=list)

    def add(self, method: Method, path: str) -> Callable[[Handler], Handler]:
        """Register a handler for a path below the prefix."""

        def register(handler: Handler) -> Handler:
            self.found.append((method, self.prefix + path, handler))
            return handler

        return register

    def starlette(self, cloud: Cloud, base: str) -> list[Route]:
        """Return the routes for Starlette, below a base path."""
        by_path: dict[str, dict[str, Handler]] = {}
        for method, path, handler in self.found:
            by_path.setdefault(path, {})[method] = handler
        return [
            Route(base + path, _endpoint(cloud, handlers), methods=list(handlers))
            for path, handlers in by_path.items()
        ]


def _endpoint(cloud: Cloud, handlers: Mapping[str, Handler]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        call = Call(cloud, request.path_params, request.query_params, await _payload(request))
        reply = await run_in_threadpool(_handle, handlers[method], call)
        if reply.body is None:
            return Response(status_code=reply.status)
        return JSONResponse(reply.body, status_code=reply.status)

    return endpoint


async def _payload(request: Request) -> object:
    raw = await request.body()
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        raise errors.ApiError("json_error", f"invalid JSON in the request body: {error}") from error


def _handle(handler: Handler, call: Call) -> Reply:
    with call.cloud.store.transaction():
        reply = handler(call)
    if reply.after is not None:
        ended = call.cloud.actions.wait(reply.after)
        if ended["error"]:
            raise errors.ApiError("server_error", ended["error"]["message"])
    return reply


def shown(call: Call, action: Doc) -> Doc:
    """Return an action as a response shows it."""
    return actions.render(call.cloud, action)


def started(call: Call, action: Doc) -> Reply:
    """Answer with an action that has begun."""
    return Reply({"action": shown(call, action)}, 201)


@dataclass(frozen=True)
class Kind:
    """What the common routes need to know of a resource."""

    name: str
    plural: str
    render: Render
    sortable: Sequence[str] = ("id", "name", "created")
    filters: Mapping[str, Callable[[Doc], object]] = field(default_factory=dict)
    """Query parameters that keep a document when one of their values equals its property."""


def get_routes(routes: Routes, kind: Kind) -> None:
    """Add list and get."""

    @routes.add("GET", "")
    def list_all(call: Call) -> Reply:
        docs = call.cloud.store.all(kind.name)
        filters = {"name": lambda doc: doc.get("name"), **kind.filters}
        found, meta = page(call.query, docs, kind.sortable, filters)
        return Reply({kind.plural: [kind.render(call.cloud, doc) for doc in found], **meta})

    @routes.add("GET", "/{id}")
    def get(call: Call) -> Reply:
        return Reply({kind.name: kind.render(call.cloud, call.doc(kind.name))})


def action_routes(
    routes: Routes,
    kind: str | None,
    find: Callable[[Call], Doc] | None = None,
    path: str = "/{id}",
) -> None:
    """Add the lists of actions of one resource and of its kind, and single actions."""

    def listed(call: Call, number: int | None) -> Reply:
        found = [doc for doc in _actions(call) if kind is None or _concerns(doc, kind, number)]
        filters = {"status": lambda doc: doc["status"], "id": lambda doc: doc["id"]}
        sortable = ("id", "command", "status", "progress", "started", "finished")
        docs, meta = page(call.query, found, sortable, filters)
        return Reply({"actions": [shown(call, doc) for doc in docs], **meta})

    def one(call: Call) -> Reply:
        action = call.cloud.store.require("action", call.number("action_id"))
        if kind is not None and not _concerns(action, kind, None):
            raise errors.not_found("action", action["id"])
        return Reply({"action": shown(call, action)})

    routes.add("GET", "/actions")(lambda call: listed(call, None))
    routes.add("GET", "/actions/{action_id}")(one)
    if kind is not None:
        routes.add("GET", f"{path}/actions")(
            lambda call: listed(call, (find(call) if find else call.doc(kind))["id"])
        )
        routes.add("GET", f"{path}/actions/{{action_id}}")(one)


def _actions(call: Call) -> list[Doc]:
    """Return the actions that the query names by id, or all; clients that wait ask by id, often."""
    wanted = call.query.getlist("id")
    if not wanted:
        return call.cloud.store.all("action")
    found = (call.cloud.store.get("action", int(text)) for text in wanted if text.isdecimal())
    return [doc for doc in found if doc]


def _concerns(action: Doc, kind: str, number: int | None) -> bool:
    return any(
        item["type"] == kind and number in (None, item["id"]) for item in action["resources"]
    )


def refuse(routes: Routes, *commands: str) -> None:
    """Add actions that the vendor has and the stand-in has not; they answer `unsupported_error`."""
    for command in commands:

        @routes.add("POST", f"/{{id}}/actions/{command}")
        def unsupported(_call: Call, command: str = command) -> Reply:
            msg = f"{command} is not available: this is a local stand-in for the vendor's API"
            raise errors.ApiError("unsupported_error", msg)


def patched(doc: Doc, body: Body, *fields: str) -> Doc:
    """Return a document with those fields replaced that the body brings and that are not null."""
    brought = {name: getattr(body, name) for name in fields if name in body.model_fields_set}
    return doc | {name: value for name, value in brought.items() if value is not None}
