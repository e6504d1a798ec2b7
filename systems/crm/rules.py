"""Rules that look at several keys of crm together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.config import Problem, image_rules, rules, server_rules, siblings
from components.config.loading import Context, Rule

from .contract import RESERVED
from .website import FLAGS

if TYPE_CHECKING:
    from components.config.guarding import Guard
    from components.config.parts import Images, Redis
    from components.config.starter import ExistingServer

    from .config import App, Website
    from .others import Signing, SigningUpgrade, Smtp


def neighbours_keep_running(existing_server: "ExistingServer") -> Iterator[Problem]:
    """Docker is not restarted: containers of others run in it."""
    if existing_server.docker_settings:
        cure = "set docker_settings and install_docker to false"
        wrong = "would restart Docker, and with it the containers of others"
        yield Problem("existing_server.docker_settings", wrong, cure, "true")


def guard_holds(guard: "Guard") -> Iterator[Problem]:
    """On a server of others, something is vital."""
    if not list(guard.vital.labels()):
        cure = "name the containers, volumes, databases, certificates, vhosts and files of others"
        yield Problem("guard.vital", "names nothing", cure)


def domain_is_ours(domain: str, guard: "Guard") -> Iterator[Problem]:
    """The site takes no name that others serve."""
    if domain in guard.vital.vhosts:
        cure = "use a name of your own"
        yield Problem("domain", "is a vital vhost of somebody else", cure, domain)


def mail_goes_somewhere(smtp: "Smtp") -> Iterator[Problem]:
    """Mail goes to those it is for, or all of it to one address; never by mistake."""
    if smtp.deliver and smtp.redirect_to:
        cure = "remove it, or set smtp.deliver to false"
        wrong = "is forbidden where mail is delivered (EMAIL_REDIRECT_TO)"
        yield Problem("smtp.redirect_to", wrong, cure, smtp.redirect_to)
    if not smtp.deliver and not smtp.redirect_to:
        cure = "give the address that gets all mail, or set smtp.deliver to true"
        yield Problem("smtp.redirect_to", "is missing, and smtp.deliver is false", cure)


def signing_is_elsewhere(domain: str, signing: "Signing") -> Iterator[Problem]:
    """Documents are signed by another app."""
    if signing.host == domain:
        cure = "give the host of the signing API"
        yield Problem("signing.host", "is the domain itself", cure, signing.host)


def redis_is_pinned(images: "Images", redis: "Redis") -> Iterator[Problem]:
    """Redis has a digest where that is required."""
    yield from image_rules.without_digest(images, {"redis.image": redis.image})


def ports_differ(
    app: "App", existing_server: "ExistingServer", context: Context
) -> Iterator[Problem]:
    """Two stacks on one server do not have the same port."""
    if app.port == existing_server.port:
        yield Problem("app.port", "is the SSH port", "use another one", str(app.port))
    for stack, other in siblings.others(context):
        theirs, server = other.get("app"), other.get("existing_server")
        if not isinstance(theirs, dict) or not isinstance(server, dict):
            continue
        same = server.get("address") == existing_server.address
        if same and theirs.get("port", 7100) == app.port:
            wrong = f"is the port of stack {stack} on the same server"
            yield Problem("app.port", wrong, "give each stack a port of its own", str(app.port))


def website_is_whole(
    website: "Website", website_server: "ExistingServer | None", domain: str
) -> Iterator[Problem]:
    """The website runs nowhere, or whole, on a server and a name of its own."""
    if (website.source is None) != (website_server is None):
        cure = "give both, or neither where somebody else runs the website"
        here, there = "website.source", "website_server"
        missing, other = (here, there) if website.source is None else (there, here)
        yield Problem(missing, f"is missing, and {other} is given", cure)
    if website.host == domain:
        yield Problem("website.host", "is the domain itself", "give it another name", domain)
    if website.cutover > len(FLAGS):
        order = ", ".join(flag.name for flag in FLAGS)
        cure = f"use {len(FLAGS)} or less; in their order they are {order}"
        yield Problem("website.cutover", "is more than there are flags", cure, str(website.cutover))


def website_server_is_another(
    website_server: "ExistingServer | None", existing_server: "ExistingServer"
) -> Iterator[Problem]:
    """The website's server is another one, and root there needs no password."""
    if website_server is None:
        return
    if website_server.address == existing_server.address:
        cure = "give the server that the website runs on"
        got = website_server.address
        yield Problem("website_server.address", "is that of existing_server", cure, got)
    if website_server.docker_settings or website_server.install_docker:
        # The guard cannot tell whose containers a restart of Docker stops.
        cure = "set docker_settings and install_docker to false; Docker has to be there"
        wrong = "restarts Docker, which counts as a touch of every vital container"
        yield Problem("website_server.docker_settings", wrong, cure)
    if website_server.privilege.endswith("-password"):
        cure = "let its account be root, or use sudo without a password"
        yield Problem(
            "website_server.privilege", "asks for a password", cure, website_server.privilege
        )


def websites_differ(
    website: "Website", website_server: "ExistingServer | None", context: Context
) -> Iterator[Problem]:
    """Two stacks have websites of their own, and share a server only on purpose."""
    for stack, other in siblings.others(context):
        theirs, server = other.get("website"), other.get("website_server")
        if isinstance(theirs, dict) and theirs.get("host") == website.host:
            cure = "give each stack a website of its own"
            yield Problem("website.host", f"is the website of stack {stack} too", cure)
        if not website_server or not isinstance(server, dict):
            continue
        same = server.get("address") == website_server.address
        if same and not (website_server.shared and server.get("shared") is True):
            cure = "use another server, or set website_server.shared to true in both"
            wrong, got = f"is the server of stack {stack} too", website_server.address
            yield Problem("website_server.address", wrong, cure, got)


def upgrade_is_of_something_vital(
    signing_upgrade: "SigningUpgrade | None", guard: "Guard", images: "Images"
) -> Iterator[Problem]:
    """What belongs to others is upgraded under guard, through versions that are known."""
    if signing_upgrade is None:
        return
    if signing_upgrade.container not in guard.vital.containers:
        cure = "name it there, so that its upgrade needs an approval by name and a backup"
        wrong, got = "is not among guard.vital.containers", signing_upgrade.container
        yield Problem("signing_upgrade.container", wrong, cure, got)
    seen = {signing_upgrade.version}
    for index, stage in enumerate(signing_upgrade.stages):
        where = f"signing_upgrade.stages[{index}]"
        if stage.version in seen:
            cure = "name each version once, in their order"
            yield Problem(f"{where}.version", "occurs twice", cure, stage.version)
        seen.add(stage.version)
        if images.require_digest and "@" not in stage.image:
            cure = f"write {stage.image}@sha256:…"
            wrong = "has no digest, which images.require_digest asks for"
            yield Problem(f"{where}.image", wrong, cure, stage.image)


ALL: tuple[Rule, ...] = (
    rules.stack_can_be_a_prefix,
    rules.hostnames_fit_together,
    rules.untrusted_certificates_need_short_hsts,
    image_rules.images_are_pinned,
    rules.root_needs_what_it_takes,
    rules.docker_is_whole,
    rules.ssh_comes_from_somewhere,
    image_rules.registry_serves_the_image,
    rules.debugging_is_off,
    server_rules.memory_fits,
    siblings.stack_files_are_readable,
    siblings.domains_differ,
    siblings.servers_differ,
    siblings.secrets_differ,
    neighbours_keep_running,
    guard_holds,
    domain_is_ours,
    mail_goes_somewhere,
    signing_is_elsewhere,
    redis_is_pinned,
    ports_differ,
    website_is_whole,
    website_server_is_another,
    websites_differ,
    upgrade_is_of_something_vital,
    rules.environment_is_free(RESERVED),
)
