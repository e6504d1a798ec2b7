"""Rules that look at several keys of dms together."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from components import postgres_service
from components.config import Problem, rules, server_rules, siblings
from components.config.loading import Context, Rule
from components.config.problems import refuse
from components.site_headers import content_security_policy

from .contract import RESERVED, connections

if TYPE_CHECKING:
    from components.config.parts import Dns, Server

    from .config import Admin, Backend, ManagedDatabase, Sentry, Site


def understood_policy(policy: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return a policy that browsers understand."""
    try:
        content_security_policy(**policy)
    except ValueError as error:
        said = str(error).removeprefix("content security policy: ")
        refuse("is no policy that browsers understand", said, show=False)
    return policy


def admin_is_guarded(admin: "Admin") -> Iterator[Problem]:
    """Nobody can try passwords at /admin from anywhere."""
    if not admin.basic_auth_user and not admin.allow_from:
        cure = "give admin.basic_auth_user, admin.allow_from, or both"
        yield Problem("admin", "lets everybody try passwords at /admin", cure)


def errors_are_seen(sentry: "Sentry") -> Iterator[Problem]:
    """Where errors have to be reported, it is known where to."""
    if sentry.required and not sentry.dsn:
        cure = "give the project's DSN, or set sentry.required to false"
        yield Problem("sentry.dsn", "is missing, and sentry.required is true", cure)


def connections_suffice(app: "Backend", database: "ManagedDatabase") -> Iterator[Problem]:
    """The service takes all connections of two releases."""
    needed = connections(app.processes)
    if needed > database.max_connections:
        wrong = f"needs up to {needed} connections, database.max_connections allows"
        cure = f"lower it, or raise database.max_connections to {needed} if the service does"
        yield Problem("app.processes", wrong, cure, str(database.max_connections))


def own_server_fits(
    database: "ManagedDatabase",
    database_server: "Server | None",
    domain: str,
    site: "Site",
    dns: "Dns | None" = None,
) -> Iterator[Problem]:
    """A database server of the stack's own is reached by the name and port that it has."""
    if not database_server:
        return
    for problem in server_rules.server_is_sold(database_server):
        yield dataclasses.replace(problem, path=f"database_{problem.path}")
    if database.host in (domain, *site.redirects_from):
        cure = "give the database a name of its own, such as db.example.com"
        yield Problem("database.host", "is a name of the site", cure, database.host)
    if dns and dns.manage and not f".{database.host}".endswith(f".{dns.zone}"):
        cure = f"use a name that ends in {dns.zone}, which leads to database_server"
        yield Problem("database.host", f"is not inside the zone {dns.zone}", cure, database.host)
    if database.port != postgres_service.PORT:
        cure = f"leave it out: database_server listens at {postgres_service.PORT}"
        yield Problem("database.port", "is another port", cure, str(database.port))
    if database.ca_certificate:
        cure = "leave it out: database_server has an authority of its own"
        yield Problem("database.ca_certificate", "is the authority of a service", cure)
    if database_server.volume_gib:
        cure = "leave it out: the database lies on the server's own disk"
        yield Problem("database_server.volume_gib", "is not used", cure)


def databases_differ(database: "ManagedDatabase", context: Context) -> Iterator[Problem]:
    """Two stacks never write to the same database."""
    for stack, other in siblings.others(context):
        theirs = other.get("database")
        if isinstance(theirs, dict) and (theirs.get("host"), theirs.get("name")) == (
            database.host,
            database.name,
        ):
            cure = "give each stack a database of its own"
            yield Problem("database.name", f"is the database of stack {stack} too", cure)


ALL: tuple[Rule, ...] = (
    rules.stack_can_be_a_prefix,
    rules.hostnames_fit_together,
    rules.untrusted_certificates_need_short_hsts,
    rules.ssh_comes_from_somewhere,
    rules.debugging_is_off,
    server_rules.server_is_sold,
    server_rules.memory_fits,
    siblings.stack_files_are_readable,
    siblings.domains_differ,
    siblings.secrets_differ,
    admin_is_guarded,
    errors_are_seen,
    connections_suffice,
    own_server_fits,
    databases_differ,
    rules.environment_is_free(RESERVED),
)
