"""What watches the platform: Prometheus, Alertmanager, what tells of database and server."""

from typing import TYPE_CHECKING

from components import secrets
from components.app import App, AppArgs
from components.health import HealthCheck
from components.host import Host
from components.site_routes import PathRoute
from components.worker import Worker, WorkerArgs

from . import monitoring_files as files
from . import names
from .contract import Contract
from .networks import Networks

if TYPE_CHECKING:
    from .config import CommandCenterConfig

FIGURES_MIB, SILENCES_MIB = 128, 16
"""Kept in memory: figures and silences begin anew with each release of what keeps them."""


def declare(
    config: "CommandCenterConfig", host: Host, agreed: Contract, networks: Networks
) -> list[PathRoute]:
    """Return the pages of Prometheus and Alertmanager."""
    watch, domain = config.monitoring, config.domain
    plain, password = agreed.exporter()
    Worker(
        "postgres-exporter",
        WorkerArgs(
            host=host,
            image=watch.postgres_exporter.image,
            memory_mib=watch.postgres_exporter.memory_mib,
            environment=plain,
            secrets=password,
            networks=[networks.data, networks.metrics],
            after=[agreed.users["exporter"]],
        ),
    )
    Worker(
        "node-exporter",
        WorkerArgs(
            host=host,
            image=watch.node_exporter.image,
            memory_mib=watch.node_exporter.memory_mib,
            networks=[networks.metrics],
        ),
    )
    Worker(
        "blackbox-exporter",
        WorkerArgs(
            host=host,
            image=watch.blackbox_exporter.image,
            memory_mib=watch.blackbox_exporter.memory_mib,
            command=[f"--config.file={files.FOLDER}/{files.BLACKBOX}"],
            secrets={files.BLACKBOX: secrets.plain(files.blackbox())},
            networks=[networks.metrics],
        ),
    )
    alertmanager = App(
        "alertmanager",
        AppArgs(
            host=host,
            image=watch.alertmanager.image,
            port=names.PORTS["alertmanager"],
            container_port=9093,
            memory_mib=watch.alertmanager.memory_mib,
            health=HealthCheck(path=f"{files.PREFIXES['alertmanager']}/-/ready"),
            command=files.alertmanager_command(domain),
            secrets={
                files.ALERTMANAGER: secrets.plain(
                    files.alertmanager(config.mail.sender, watch.alerts_to)
                )
            },
            tmpfs_mib={files.KEPT: SILENCES_MIB},
            networks=[networks.post, networks.metrics],
        ),
    )
    prometheus = App(
        "prometheus",
        AppArgs(
            host=host,
            image=watch.prometheus.image,
            port=names.PORTS["prometheus"],
            container_port=9090,
            memory_mib=watch.prometheus.memory_mib,
            health=HealthCheck(path=f"{files.PREFIXES['prometheus']}/-/ready"),
            command=files.prometheus_command(domain, FIGURES_MIB),
            secrets={
                files.PROMETHEUS: secrets.plain(
                    files.prometheus(domain, grafana=config.grafana.enabled)
                ),
                files.ALERTS: secrets.plain(files.alerts()),
            },
            tmpfs_mib={files.KEPT: FIGURES_MIB},
            networks=[networks.metrics],
        ),
    )
    apps = {"prometheus": prometheus, "alertmanager": alertmanager}
    return [PathRoute(path=files.PREFIXES[name], app=app) for name, app in apps.items()]
