"""Rules that look at several keys of the starter together."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .. import names, secrets
from . import image_rules, secret_rules, siblings
from .loading import Context, Rule
from .network_values import AUTHORITIES
from .problems import Problem
from .server_rules import memory_fits, server_is_sold, server_runs_the_images

if TYPE_CHECKING:
    from .parts import (
        Acme,
        Dns,
        RegistryAccount,
        Server,
        Site,
        Workload,
    )
    from .starter import App as StarterApp
    from .starter import ExistingServer
    from .starter import Postgres as StarterPostgres
    from .starter import Site as StarterSite

_DAY = 86_400
_PRIVATE_NAME = re.compile(r"\.(local|localhost|internal|test|lan|home\.arpa|invalid)$")
_DEBUG = re.compile(r"(^|_)DEBUG$")
_OFF = ("", "0", "false", "no", "off")


def one_server(
    server: "Server | None", existing_server: "ExistingServer | None"
) -> Iterator[Problem]:
    """There is exactly one server."""
    if server and existing_server:
        cure = "remove server, or existing_server"
        yield Problem("existing_server", "is given although server is given too", cure)
    if not server and not existing_server:
        cure = "give server (type, location) to make one, or existing_server (address, …)"
        yield Problem("server", "is missing, and existing_server as well", cure)


def environment_is_free(reserved: Mapping[str, str]) -> Rule:
    """Return a rule: what the program makes of other keys is not set a second time.

    Args:
        reserved: variables that the program sets, each with what to do in place of setting it.
    """

    def rule(app: "Workload") -> Iterator[Problem]:
        yield from set_twice("app", app, reserved)

    return rule


def set_twice(key: str, app: "Workload", reserved: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each variable of an app, whose key this is, that the program sets."""
    for name in app.environment:
        if name in reserved:
            wrong = "is set by the program"
            yield Problem(f"{key}.environment.{name}", wrong, f"remove it, and {reserved[name]}")


def stack_can_be_a_prefix(context: Context) -> Iterator[Problem]:
    """Project and stack name every container, network and unit."""
    try:
        names.check_label("project and stack", f"{context.project}-{context.stack}")
    except ValueError:
        wrong = "cannot be the prefix of names on a server"
        cure = "together use up to 40 lower-case letters, digits and hyphens"
        yield Problem("(project and stack)", wrong, cure, f"'{context.project}-{context.stack}'")


def hostnames_fit_together(
    domain: str, site: "Site", acme: "Acme", dns: "Dns | None" = None
) -> Iterator[Problem]:
    """No host name occurs twice, and the zone holds all of them."""
    if domain in site.redirects_from:
        index = site.redirects_from.index(domain)
        yield Problem(f"site.redirects_from[{index}]", "is the domain itself", "remove it", domain)
    hosts = {"domain": domain}
    hosts |= {f"site.redirects_from[{i}]": host for i, host in enumerate(site.redirects_from)}
    for path, host in hosts.items():
        if dns and not f".{host}".endswith(f".{dns.zone}"):
            cure = f"use a name that ends in {dns.zone}, or another dns.zone"
            yield Problem(path, f"is not inside the zone {dns.zone}", cure, host)
        if _PRIVATE_NAME.search(host) and acme.directory in AUTHORITIES.values():
            cure = "use a public domain, or the acme.directory of a private authority"
            yield Problem(path, "is a private name, for which no public certificate is given", cure)


def untrusted_certificates_need_short_hsts(acme: "Acme", site: "Site") -> Iterator[Problem]:
    """Browsers that learned HSTS cannot pass an untrusted certificate any more."""
    if acme.directory == AUTHORITIES["letsencrypt-staging"] and site.hsts_seconds > _DAY:
        wrong = "is longer than a day with the untrusted certificates of letsencrypt-staging"
        cure = f"use {_DAY} or less until acme.directory is letsencrypt"
        yield Problem("site.hsts_seconds", wrong, cure, str(site.hsts_seconds))


def root_needs_what_it_takes(
    existing_server: "ExistingServer | None",
    existing_server_password: secrets.Secret | None,
    existing_server_private_key: secrets.Secret | None,
) -> Iterator[Problem]:
    """The account can become root in the way that is named."""
    given = {
        "existing_server_password": existing_server_password,
        "existing_server_private_key": existing_server_private_key,
    }
    if existing_server is None:
        for key, value in given.items():
            if value:
                cure = f"remove it (`pulumi config rm {key}`), or give existing_server"
                yield Problem(key, "belongs to existing_server, which is not given", cure)
        return
    privilege, user = existing_server.privilege, existing_server.user
    asks = privilege.endswith("-password")
    if asks and not existing_server_password:
        cure = "set it by `pulumi config set --secret existing_server_password`"
        wrong = f"is missing, and existing_server.privilege is {privilege}"
        yield Problem("existing_server_password", wrong, cure)
    if existing_server_password and not asks:
        cure = "remove it by `pulumi config rm existing_server_password`, or name sudo-password"
        wrong = f"is given, and existing_server.privilege {privilege} asks for none"
        yield Problem("existing_server_password", wrong, cure)
    if privilege == "root" and user != "root":
        cure = "log in as root, or name how the account becomes root: sudo, sudo-password, …"
        yield Problem("existing_server.user", "is not root, and privilege is root", cure, user)
    if privilege != "root" and user == "root":
        cure = "set it to root"
        wrong = "is for an account that is not root, and user is root"
        yield Problem("existing_server.privilege", wrong, cure, privilege)


def docker_is_whole(existing_server: "ExistingServer | None") -> Iterator[Problem]:
    """A Docker that is installed here gets its settings."""
    if existing_server and existing_server.install_docker and not existing_server.docker_settings:
        cure = "set install_docker to false too: Docker has to be there then"
        wrong = "is false, and Docker would be installed without them"
        yield Problem("existing_server.docker_settings", wrong, cure)


def ports_are_free(
    existing_server: "ExistingServer | None", app: "StarterApp"
) -> Iterator[Problem]:
    """No port is had twice."""
    port = existing_server.port if existing_server else 22
    if port in (80, 443):
        cure = "move SSH to another port: the site is served on 80 and 443"
        yield Problem("existing_server.port", "is a port of the site", cure, str(port))
    if app.port == port:
        cure = "use another one, from 10000 to 19999"
        yield Problem("app.port", "is the SSH port", cure, str(port))


def ssh_comes_from_somewhere(
    server: "Server | None" = None, existing_server: "ExistingServer | None" = None
) -> Iterator[Problem]:
    """A network that holds all others makes them meaningless."""
    for path, part in (("server", server), ("existing_server", existing_server)):
        networks = part.ssh_networks if part else ()
        for everybody, mark in (("0.0.0.0/0", "."), ("::/0", ":")):
            same = [network for network in networks if mark in network.split("/")[0]]
            if everybody in networks and len(same) > 1:
                cure = f"remove it, or the others: {everybody} is everybody"
                wrong = "holds everybody beside smaller networks"
                yield Problem(f"{path}.ssh_networks", wrong, cure, everybody)


def existing_data_stays(server: "Server | None", postgres: "StarterPostgres") -> Iterator[Problem]:
    """A created server has its own place for data."""
    if server and postgres.data_folder:
        cure = "remove it, and use server.volume_gib for a disk that outlives the server"
        yield Problem("postgres.data_folder", "is for existing servers", cure, postgres.data_folder)


def logins_are_whole(
    registry: "RegistryAccount | None",
    registry_password: secrets.Secret | None,
    site: "StarterSite",
    basic_auth_password: secrets.Secret | None,
) -> Iterator[Problem]:
    """A user has a password and a password has a user."""
    yield from image_rules.registry_login_is_whole(registry, registry_password)
    user = site.basic_auth_user
    yield from secret_rules.together(
        "basic_auth_password", basic_auth_password, "site.basic_auth_user", user
    )


def debugging_is_off(app: "Workload") -> Iterator[Problem]:
    """What faces the public does not show its inside."""
    yield from debugging("app", app)


def debugging(path: str, app: "Workload") -> Iterator[Problem]:
    """Yield a problem for each variable of an app, whose key this is, that turns debugging on."""
    for key, value in app.environment.items():
        if _DEBUG.search(key) and value.lower() not in _OFF:
            cure = "remove it; use LOG_LEVEL for more logs"
            yield Problem(f"{path}.environment.{key}", "shows the app's inside to everybody", cure)


def backups_are_reserved(backups_enabled: bool) -> Iterator[Problem]:
    """Nobody believes in backups that do not exist."""
    if backups_enabled:
        cure = "set it to false, and make backups by other means"
        yield Problem("backups_enabled", "is reserved: there is no backup plan yet", cure, "true")


ALL: tuple[Rule, ...] = (
    one_server,
    stack_can_be_a_prefix,
    hostnames_fit_together,
    untrusted_certificates_need_short_hsts,
    image_rules.images_are_pinned,
    root_needs_what_it_takes,
    docker_is_whole,
    ports_are_free,
    ssh_comes_from_somewhere,
    existing_data_stays,
    logins_are_whole,
    image_rules.registry_serves_the_image,
    debugging_is_off,
    backups_are_reserved,
    server_is_sold,
    server_runs_the_images,
    memory_fits,
    siblings.stack_files_are_readable,
    siblings.domains_differ,
    siblings.servers_differ,
    siblings.data_differs,
    siblings.secrets_differ,
)
