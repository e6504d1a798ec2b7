"""The log store, where operators search what every service and the server itself have said."""

from typing import TYPE_CHECKING

from components.app import App, AppArgs
from components.health import HealthCheck
from components.host import Host
from components.journal_upload import JournalUpload, JournalUploadArgs
from components.release import release_id
from components.site_routes import PathRoute
from components.volume import Volume, VolumeArgs

from . import monitoring_files, names
from .networks import Networks

if TYPE_CHECKING:
    from .config import CommandCenterConfig

PREFIX = monitoring_files.PREFIXES["logs"]
"""Below which path of the site it is served, and serves."""
DATA = "/victoria-logs-data"
DRAIN_SECONDS = 5
"""The journal is sent in one request that never ends: nothing is gained by waiting for it."""


def declare(config: "CommandCenterConfig", host: Host, networks: Networks) -> list[PathRoute]:
    """Return its page; each release is sent the journal, and so needs nothing of the one before."""
    settings = config.logs
    command = [
        f"-storageDataPath={DATA}",
        f"-retentionPeriod={settings.days}d",
        f"-retention.maxDiskSpaceUsageBytes={settings.disk_mib}MiB",
        f"-httpListenAddr=:{names.PORTS['logs']}",
        f"-http.pathPrefix={PREFIX}",
        "-journald.streamFields=HOMEPORT_APP,_SYSTEMD_UNIT",
    ]
    # Two releases cannot have one folder, and side by side they are for a while.
    made_of = {"image": settings.image, "command": command, "memory_mib": settings.memory_mib}
    volume = Volume(f"logs-{release_id(made_of)}", VolumeArgs(host=host, protect=False))
    app = App(
        "logs",
        AppArgs(
            host=host,
            image=settings.image,
            port=names.PORTS["logs"],
            container_port=names.PORTS["logs"],
            memory_mib=settings.memory_mib,
            health=HealthCheck(path=f"{PREFIX}/health"),
            command=command,
            volumes={DATA: volume},
            networks=[networks.metrics],
            drain_seconds=DRAIN_SECONDS,
        ),
    )
    JournalUpload(
        "journal", JournalUploadArgs(host=host, app=app, path=f"{PREFIX}/insert/journald")
    )
    return [PathRoute(path=PREFIX, app=app, timeout_seconds=300)]
