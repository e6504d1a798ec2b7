"""Rules that look at several keys of crm together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.config import Problem, rules, server_rules, siblings
from components.config.loading import Context, Rule

from .contract import RESERVED

if TYPE_CHECKING:
    from components.config.guarding import Guard
    from components.config.parts import Images, Redis
    from components.config.starter import ExistingServer

    from .config import App, Signing, Smtp


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
    yield from rules.without_digest(images, {"redis.image": redis.image})


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


ALL: tuple[Rule, ...] = (
    rules.stack_can_be_a_prefix,
    rules.hostnames_fit_together,
    rules.untrusted_certificates_need_short_hsts,
    rules.images_are_pinned,
    rules.root_needs_what_it_takes,
    rules.docker_is_whole,
    rules.ssh_comes_from_somewhere,
    rules.registry_serves_the_image,
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
    rules.environment_is_free(RESERVED),
)
