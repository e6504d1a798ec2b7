"""As many servers as `hosts` says, each with as many apps as `apps` says, and a site for them."""

import dataclasses
import itertools

import pulumi

from components import names, program
from components.app import App, AppArgs, app_release
from components.health import HealthCheck
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.host import Host
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.runtimes.docker import Docker
from components.site import Site, SiteArgs
from components.site_routes import PathRoute
from components.site_tls import InternalAuthority

program.begin()
config = pulumi.Config()
taken: set[tuple[str, int]] = set()


def one_of_many(host: Host, server: str, number: int) -> AppArgs:
    """Return the settings of an app whose ports no other app of its server has.

    Among so many, two would meet somewhere; a person would be told so, and which field to change.
    """
    args = AppArgs(
        host=host,
        image="ghcr.io/homeport/hello:1.0.0",
        memory_mib=16,
        container_port=8080,
        health=HealthCheck(path="/healthz", successes=1),
        port=names.STABLE_PORTS[number],
    )
    for revision in itertools.count(1):
        args = dataclasses.replace(args, revision=revision)
        name = f"{server}-app{number}"
        port = names.release_port(f"{host.remote.system}-{name}", app_release(name, args, Docker()))
        if (server, port) not in taken:
            break
    taken.add((server, port))
    return args


def system(name: str, apps: int) -> None:
    """Declare one server with its apps; no authority is asked for its site."""
    host = HetznerServer(
        name,
        HetznerServerArgs(server_type="cx33", location="fsn1", image="debian-13", protect=False),
    ).host
    proxy = ReverseProxy(
        f"{name}-proxy", ReverseProxyArgs(host=host, kind="caddy", acme_email="ops@example.com")
    )
    routes = [
        PathRoute(
            path="/" if number == 0 else f"/app{number}",
            strip_prefix=number > 0,
            app=App(f"{name}-app{number}", one_of_many(host, name, number)),
        )
        for number in range(apps)
    ]
    Site(
        f"{name}-site",
        SiteArgs(
            proxy=proxy,
            hostnames=[f"{name}.example.com"],
            routes=routes,
            tls=InternalAuthority(),
            check_path="/healthz",
        ),
    )


for each in range(config.require_int("hosts")):
    system(f"host{each}", config.require_int("apps"))
