"""Sends a host's journal to a store of logs that runs on it, such as VictoriaLogs."""

import dataclasses

import pulumi

from . import names
from .app import App
from .baseline import asset
from .host import Host
from .remote import File


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class JournalUploadArgs:
    """What is sent where."""

    host: Host
    """Whose journal it is; `with_journal()` has containers write to it too."""
    app: App
    """The store, on the same host."""
    path: str
    """Where the store takes a journal over HTTP, as systemd-journal-upload sends it."""

    def __post_init__(self) -> None:
        """Refuse a path that is none.

        Raises:
            ValueError: naming the field and the rule.
        """
        if not self.path.startswith("/") or self.path.endswith("/"):
            msg = f"journal upload: path: must begin with / and not end with it (got {self.path!r})"
            raise ValueError(msg)


class JournalUpload(pulumi.ComponentResource):
    """Every line arrives, in order; what the store could not take is sent when it can again.

    The journal is what keeps the lines, the store finds them: each release of the store is sent the
    whole journal once, and then what comes.
    """

    unit: str
    """The unit that sends it."""

    def __init__(
        self, name: str, args: JournalUploadArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:journal_upload:JournalUpload", name, {}, opts)
        remote = args.host.remote
        full_name = f"{remote.system}-{names.check_label('journal upload', name)}"
        self.unit = f"{full_name}.service"
        remote.claims.take("unit", self.unit, name, cure="choose another name")
        text = asset(
            "journal-upload.service",
            system=remote.system,
            folder=full_name,
            url=f"http://127.0.0.1:{args.app.port}{args.path}",
            release=args.app.release,
        )
        restart = ["systemctl", "try-restart", self.unit]
        remote.files(
            name,
            files=[File(path=f"/etc/systemd/system/{self.unit}", content=text, then=[restart])],
            packages=["systemd-journal-remote"],
            units_enabled=[self.unit],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.app]),
        )
        self.register_outputs({"unit": self.unit})
