"""Grafana, where a stack has it: what it shows is in files, so that it keeps nothing itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from components import secrets
from components.app import App, AppArgs
from components.environment_contract import Variable, at_least, one_of
from components.health import HealthCheck
from components.host import Host
from components.site_routes import PathRoute

from . import dashboards, monitoring_files, names
from .contract import Contract
from .networks import Networks

if TYPE_CHECKING:
    from .config import CommandCenterConfig

PREFIX = "/grafana"
"""Below which path of the site it is served, and serves."""
SETTINGS, PANELS, DATA = "/etc/grafana/provisioning", "/etc/grafana/dashboards", "/var/lib/grafana"
USER = "472:0"
"""The account that its image is made for."""
KEPT_MIB = 64


def declare(
    config: "CommandCenterConfig", host: Host, agreed: Contract, networks: Networks
) -> list[PathRoute]:
    """Return its page, or none where the stack has no Grafana."""
    settings, texts = config.grafana, files()
    if not settings.enabled:
        return []
    app = App(
        "grafana",
        AppArgs(
            host=host,
            image=settings.image,
            port=names.PORTS["grafana"],
            container_port=names.GRAFANA_PORT,
            memory_mib=settings.memory_mib,
            user=USER,
            health=HealthCheck(path="/api/health", start_seconds=120),
            environment=variables(config.domain, config.admin.username),
            # Its own way to name a file of a secret ends with two underscores and FILE. The
            # password is the site's, which browsers send along: it lets them in here too.
            secrets={
                "GF_SECURITY_ADMIN_PASSWORD_": agreed.admin_password,
                **{_name(path): secrets.plain(text) for path, text in texts.items()},
            },
            secret_paths={path: _name(path) for path in texts},
            contract={
                "GF_SECURITY_ADMIN_PASSWORD_": Variable(secret=True, shape=at_least(20)),
                "GF_USERS_ALLOW_SIGN_UP": Variable(shape=one_of("false")),
            },
            tmpfs_mib={"/tmp": 16, DATA: KEPT_MIB},  # noqa: S108 - the container's own
            networks=[networks.metrics],
        ),
    )
    return [PathRoute(path=PREFIX, app=app)]


def variables(domain: str, username: str) -> dict[str, str]:
    """Return its settings beside those in files."""
    return {
        "GF_SERVER_HTTP_PORT": str(names.GRAFANA_PORT),
        "GF_SERVER_ROOT_URL": f"https://{domain}{PREFIX}/",
        "GF_SERVER_SERVE_FROM_SUB_PATH": "true",
        "GF_SECURITY_ADMIN_USER": username,
        "GF_USERS_ALLOW_SIGN_UP": "false",
        # No network of its has a way out.
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    }


def files() -> Mapping[str, str]:
    """Return its files by their paths: where figures are from, where dashboards are, and those."""
    prometheus = f"{monitoring_files.PROMETHEUS_AT}{monitoring_files.PREFIXES['prometheus']}"
    source = {
        "name": "Prometheus",
        **dashboards.SOURCE,
        "access": "proxy",
        "url": f"http://{prometheus}",
        "isDefault": True,
        "editable": False,
    }
    provider = {"name": "platform", "type": "file", "options": {"path": PANELS}}
    return {
        f"{SETTINGS}/datasources/platform.yaml": _text(datasources=[source]),
        f"{SETTINGS}/dashboards/platform.yaml": _text(providers=[provider]),
        **{
            f"{PANELS}/{title.lower()}.json": dashboards.dashboard(title)
            for title in dashboards.DASHBOARDS
        },
    }


def _name(path: str) -> str:
    """Return the name of the secret that holds a file: DASHBOARDS_API for dashboards/api.json."""
    *_, folder, file = path.rpartition(".")[0].split("/")
    return f"{folder}_{file}".upper()


def _text(**value: object) -> str:
    return yaml.safe_dump({"apiVersion": 1, **value}, sort_keys=False, width=1000)
