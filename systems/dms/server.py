"""One server of the system: a Django backend without containers, its page, the way in."""

from typing import TYPE_CHECKING, Any

import pulumi

from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.database import Database, DatabaseArgs
from components.hetzner_server import HetznerServer
from components.host_command import HostCommand, HostCommandArgs
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.runtimes.systemd import Systemd
from components.runtimes.venv import Venv
from components.site import Site, SiteArgs
from components.site_access import BasicAuth
from components.site_routes import PathRoute
from components.static_app import StaticApp, StaticAppArgs

from . import contract, database_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .database_server import Own
    from .places import Place


def serve(
    place: "Place", machine: HetznerServer, own: "Own | None", dns: "Sequence[pulumi.Resource]"
) -> dict[str, Any]:
    """Have everything run on a server; return the outputs that tell of it.

    Args:
        place: what is to run.
        machine: the server.
        own: the database's server, if this stack has made it.
        dns: what makes names lead there.
    """
    config, host = place.config, machine.host
    postgres = database_server.way(place, host, own, dns)
    database = Database(
        place.named("dms-database"),
        DatabaseArgs(server=postgres, name=config.database.name, protect=config.server.protect),
    )
    agreed = contract.agree(place, postgres, database)
    code = ArtefactArgs(host=host, source=config.app.source.source())
    backend = App(
        place.named("backend"),
        AppArgs(
            host=host,
            artefact=Artefact(place.named("backend"), code),
            runtime=Systemd(venv=Venv(), user="dms", state_mode="0711"),
            command=["gunicorn", "--config", "python:archive.serving", "archive.wsgi"],
            health=contract.health(config),
            memory_mib=config.app.memory_mib,
            environment=agreed.variables(agreed.writer),
            secrets=agreed.secrets(agreed.writer),
            contract=agreed.environment(),
            jobs=agreed.jobs(),
            drain_seconds=config.app.drain_seconds,
            revision=config.app.revision,
            stop_seconds=30,
            after=[agreed.migrator, agreed.writer],
        ),
    )
    manage = HostCommandArgs(host=host, app=backend, name="dms-manage", command=["archive"])
    HostCommand(place.named("manage"), manage)

    # The way in.
    proxy = ReverseProxy(
        place.named("proxy"),
        ReverseProxyArgs(
            host=host,
            kind="nginx",
            acme_email=config.acme.email,
            acme_directory=config.acme.directory,
        ),
    )
    build = ArtefactArgs(host=host, source=config.page.source())
    page = StaticApp(
        place.named("page"),
        StaticAppArgs(
            proxy=proxy,
            artefact=Artefact(place.named("page"), build),
            single_page=True,
            hashed_folders=["/assets"],
        ),
    )
    user, password = config.admin.basic_auth_user, contract.admin_password(place)
    static = f"{contract.folder(place)}/static"
    site = Site(
        place.named("site"),
        SiteArgs(
            proxy=proxy,
            hostnames=[config.domain],
            routes=[
                PathRoute(static=page, public=True),
                PathRoute(path="/api", app=backend, public=True),
                PathRoute(path="/accounts", app=backend, public=True),
                PathRoute(path="/admin", app=backend, allow_from=config.admin.allow_from),
                PathRoute(path="/static", folder=static, strip_prefix=True, public=True),
            ],
            redirects_from=config.site.redirects_from,
            hsts_seconds=config.site.hsts_seconds,
            headers=contract.headers(config),
            basic_auth=BasicAuth(username=user, password=password) if user else None,
        ),
        pulumi.ResourceOptions(depends_on=dns),
    )
    return {
        "url": site.url,
        "address": machine.address,
        "ssh": machine.ssh_command,
        "release": backend.release,
        # What smoke.py needs to try the system as a user would.
        "hsts_seconds": config.site.hsts_seconds,
        "smoke_login": agreed.smoke_login(),
        "admin_login": {"username": user, "password": password.value} if user else None,
    }
