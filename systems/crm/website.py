"""The website on a server of its own: its part of the shared secrets, and its cut-over to crm."""

from typing import TYPE_CHECKING

import pulumi

from components.app import App, AppArgs
from components.artefact import Artefact, ArtefactArgs
from components.cutover import Cutover, CutoverArgs, Flag, positions
from components.environment_contract import ORIGIN, Variable, one_of
from components.existing_server import ExistingServer
from components.health import HealthCheck
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.runtimes.systemd import Systemd
from components.site import Site, SiteArgs
from components.site_routes import PathRoute

if TYPE_CHECKING:
    from .config import CrmConfig

ANSWER_SECONDS = 30


def _seen(key: str, value: str) -> HealthCheck:
    """Return what the website answers of itself, having asked crm."""
    return HealthCheck(
        path="/api/cutover",
        contains=f'"{key}": "{value}"',
        successes=1,
        # It asks crm in its turn.
        try_seconds=ANSWER_SECONDS,
        start_seconds=ANSWER_SECONDS,
    )


SECRET_IS_SHARED = _seen("secret", "ok")
"""Crm, as it runs, takes the secret that the website, as it runs, shows."""
FLAGS = (
    Flag(
        name="CRM_INTAKE",
        before="off",
        after="on",
        seen_before=_seen("crm", "off"),
        seen_after=_seen("crm", "ok"),
    ),
    Flag(
        name="CRM_LOGIN",
        before="off",
        after="on",
        seen_before=_seen("login", "off"),
        seen_after=_seen("login", "ok"),
    ),
    Flag(
        name="INBOX",
        before="on",
        after="off",
        seen_before=_seen("inbox", "open"),
        seen_after=_seen("inbox", "closed"),
    ),
)
"""Entries go to crm too, people find its login, the website keeps no copy of its own any more."""


def run(config: "CrmConfig", crm: Site) -> dict[str, pulumi.Input[str]] | None:
    """Run the website beside crm; return where it is, None where somebody else runs it."""
    server, source = config.website_server, config.website.source
    if server is None or source is None:
        return None
    host = ExistingServer(
        "website-server", server.arguments(None, config.website_server_private_key)
    ).host
    flags = positions(FLAGS, config.website.cutover)
    website = App(
        "website",
        AppArgs(
            host=host,
            artefact=Artefact("website", ArtefactArgs(host=host, source=source.source())),
            runtime=Systemd(),
            command=["website.py"],
            health=HealthCheck(path="/healthz"),
            memory_mib=config.website.memory_mib,
            revision=config.website.revision,
            environment={"CRM_URL": f"https://{config.domain}", **flags},
            secrets={"CRM_INTAKE_SECRET": config.intake_secret},
            contract={
                "CRM_URL": Variable(shape=ORIGIN),
                "CRM_INTAKE_SECRET": Variable(secret=True, same_as=config.intake_secret),
                **{flag.name: Variable(shape=one_of(flag.before, flag.after)) for flag in FLAGS},
            },
        ),
    )
    acme = config.acme
    proxy = ReverseProxy(
        "website-proxy",
        ReverseProxyArgs(host=host, acme_email=acme.email, acme_directory=acme.directory),
    )
    site = Site(
        "website-site",
        SiteArgs(
            proxy=proxy,
            hostnames=[config.website.host],
            routes=[PathRoute(app=website)],
            hsts_seconds=config.site.hsts_seconds,
        ),
    )
    cutover = Cutover(
        "website-cutover",
        CutoverArgs(
            host=host,
            app=website,
            flags=FLAGS,
            flipped=config.website.cutover,
            always=[SECRET_IS_SHARED],
            key="website.cutover",
        ),
        pulumi.ResourceOptions(depends_on=[crm]),
    )
    return {"url": site.url, "address": host.address, "flipped": cutover.verified}
