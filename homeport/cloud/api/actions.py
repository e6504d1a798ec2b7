"""Actions: work behind the API that takes time, queued by resource, kept across restarts.

A job is a function registered by name; its arguments are JSON and stored with the action, so that
whatever was running when the process ended runs again at the next start. Jobs are therefore safe
to repeat, as every method of the machinery is.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from homeport.cloud.api.clock import now
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.store import Doc
from homeport.cloud.contract import MachineryError

if TYPE_CHECKING:
    from homeport.cloud.api.cloud import Cloud

log = logging.getLogger("homeport.cloud.api")

Progress = Callable[[int], None]
Job = Callable[["Cloud", Doc, Progress], None]
Resource = tuple[str, int]
"""Type and id, as an action lists what it works on."""

Undo = Callable[["Cloud", Doc], None]

_JOBS: dict[str, tuple[Job, Undo | None]] = {}
_WORKERS = 16
_KEPT = 1000
"""How many actions that have ended are remembered over a restart."""


def job(name: str, undo: Undo | None = None) -> Callable[[Job], Job]:
    """Register a function as the work behind actions; it gets cloud, arguments and progress.

    Whatever makes the action fail, even before the work has begun, `undo` takes back what the
    request had recorded in advance; it gets cloud and arguments.
    """

    def register(function: Job) -> Job:
        _JOBS[name] = (function, undo)
        return function

    return register


@job("update_document")
def _update_document(cloud: "Cloud", args: Doc, _progress: Progress) -> None:
    """Set fields of one document: the whole work of actions that only change the record."""
    with cloud.store.transaction():
        doc = cloud.store.get(args["kind"], args["id"])
        if doc is not None:
            cloud.store.save(args["kind"], doc | args["fields"])


class _Waiting:
    """An action that has not ended: what it occupies and whether a worker has it."""

    def __init__(self, action: Doc) -> None:
        self.id = int(action["id"])
        self.command = str(action["command"])
        self.lanes = frozenset(action["lanes"])
        self.locks = bool(action["locks"])
        self.started = False


class Actions:
    """Runs jobs in threads; jobs that share a resource run one after the other, in order."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._changed = threading.Condition()
        self._queue: list[_Waiting] = []
        self._closed = False
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="action")

    def start(
        self,
        command: str,
        resources: Sequence[Resource],
        args: Doc | None = None,
        *,
        job_name: str | None = None,
        requires: int | None = None,
        locks: bool = True,
        also: Sequence[Resource] = (),
    ) -> Doc:
        """Record an action and queue its job; call it inside the transaction that it belongs to.

        Args:
            command: The vendor's name of the action.
            resources: What the action lists, and what it waits for.
            args: The job's arguments.
            job_name: The job, where it is not named like the command.
            requires: An earlier action; when that one fails, so does this one.
            locks: Whether the resources count as locked meanwhile.
            also: More resources to wait for, without listing them.
        """
        store = self._cloud.store
        action = store.insert(
            "action",
            {
                "command": command,
                "status": "running",
                "progress": 0,
                "started": now(),
                "finished": None,
                "resources": [{"id": number, "type": kind} for kind, number in resources],
                "error": None,
                "job": job_name or command,
                "args": args or {},
                "lanes": [f"{kind}:{number}" for kind, number in (*resources, *also)],
                "requires": requires,
                "locks": locks,
            },
        )
        self._enqueue(action)
        return action

    def set_fields(self, command: str, kind: str, doc: Doc, fields: Doc) -> Doc:
        """Start an action that only changes fields of one document."""
        args = {"kind": kind, "id": doc["id"], "fields": fields}
        return self.start(
            command, [(kind, doc["id"])], args, job_name="update_document", locks=False
        )

    def busy(self, kind: str, number: int) -> bool:
        """Say whether an action that locks is under way or waiting on this resource."""
        lane = f"{kind}:{number}"
        with self._changed:
            return any(item.locks and lane in item.lanes for item in self._queue)

    def waiting(self, command: str, kind: str, number: int) -> bool:
        """Say whether an action of this command has not ended yet on this resource."""
        lane = f"{kind}:{number}"
        with self._changed:
            return any(item.command == command and lane in item.lanes for item in self._queue)

    def require_unlocked(self, kind: str, number: int) -> None:
        """Refuse a request while another action holds its resource.

        Raises:
            ApiError: `locked`.
        """
        if self.busy(kind, number):
            noun = kind.replace("_", " ")
            raise ApiError("locked", f"{noun} {number} is locked: another action is running")

    def wait(self, action_id: int) -> Doc:
        """Block until an action has ended; returns it. One that is not queued has ended."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or all(item.id != action_id for item in self._queue)
            )
        return self._cloud.store.require("action", action_id)

    def resume(self) -> int:
        """Queue what was running when the last process ended, and forget what ended long ago.

        Returns:
            How many actions run again.
        """
        actions = self._cloud.store.all("action")
        left = [doc for doc in actions if doc["status"] == "running"]
        for action in [doc for doc in actions if doc["status"] != "running"][:-_KEPT]:
            self._cloud.store.delete("action", action["id"])
        for action in left:
            self._enqueue(action)
        return len(left)

    def close(self) -> None:
        """Wait for the jobs that run; those that have not begun stay for `resume`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _enqueue(self, action: Doc) -> None:
        with self._changed:
            self._queue.append(_Waiting(action))
            self._dispatch()

    def _dispatch(self) -> None:
        """Give every action to a worker that shares no lane with an earlier one; lock is held."""
        occupied: set[str] = set()
        for item in self._queue:
            if not item.started and not self._closed and occupied.isdisjoint(item.lanes):
                item.started = True
                self._pool.submit(self._run, item)
            occupied |= item.lanes

    def _run(self, item: _Waiting) -> None:
        try:
            # Waits for the transaction that made the action; finds nothing if that was undone.
            with self._cloud.store.transaction():
                action = self._cloud.store.get("action", item.id)
            if action is not None:
                error = self._work(action)
                if error:
                    self._undo(action)
                self._finish(item.id, error)
        finally:
            with self._changed:
                self._queue.remove(item)
                self._dispatch()
                self._changed.notify_all()

    def _work(self, action: Doc) -> Doc | None:
        """Do an action's job; returns the error to report, or None."""
        try:
            self._check_required(action)
            self._inject(action["command"])
            work, _ = _JOBS[action["job"]]
            work(self._cloud, action["args"], self._progress(action["id"]))
        except ApiError as error:
            return {"code": error.code, "message": error.message}
        except MachineryError as error:
            return {"code": "action_failed", "message": str(error)}
        except Exception as error:
            log.exception("action %s (%s) broke", action["id"], action["command"])
            text = f"unexpected {type(error).__name__} in {action['command']}; see the server's log"
            return {"code": "server_error", "message": text}
        return None

    def _undo(self, action: Doc) -> None:
        _, undo = _JOBS[action["job"]]
        try:
            if undo:
                undo(self._cloud, action["args"])
        except Exception:
            log.exception("action %s (%s) could not be undone", action["id"], action["command"])

    def _check_required(self, action: Doc) -> None:
        required = action["requires"] and self._cloud.store.get("action", action["requires"])
        if required and required["status"] == "error":
            msg = f"action {required['id']} ({required['command']}) failed before"
            raise ApiError("action_failed", msg)

    def _inject(self, command: str) -> None:
        for fault in self._cloud.faults.take_action(command):
            if fault.kind == "action_slow":
                time.sleep(fault.seconds)
            else:
                raise ApiError(fault.code or "action_failed", fault.message)

    def _progress(self, action_id: int) -> Progress:
        def report(percent: int) -> None:
            with self._cloud.store.transaction():
                action = self._cloud.store.require("action", action_id)
                self._cloud.store.save("action", action | {"progress": percent})

        return report

    def _finish(self, action_id: int, error: Doc | None) -> None:
        result = {
            "status": "error" if error else "success",
            "progress": 100,
            "finished": now(),
            "error": error,
            "args": {},  # may hold user data or a password
        }
        with self._cloud.store.transaction():
            action = self._cloud.store.require("action", action_id)
            self._cloud.store.save("action", action | result)


_PUBLIC = ("id", "command", "status", "progress", "started", "finished", "resources", "error")


def render(_cloud: "Cloud", action: Doc) -> Doc:
    """Return an action as the API shows it."""
    return {field: action[field] for field in _PUBLIC}
