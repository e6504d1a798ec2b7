"""Rules that look at several keys of dms together."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components import postgres_service
from components.config import Problem, rules, server_rules, siblings
from components.config.loading import Context, Rule
from components.config.problems import refuse
from components.site_headers import content_security_policy

from .contract import RESERVED, connections
from .places import database_of

if TYPE_CHECKING:
    from components.config.parts import Acme, Dns, Server

    from .config import Admin, Backend, ManagedDatabase, Replica, Sentry, Site


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


def connections_suffice(
    app: "Backend", database: "ManagedDatabase", replicas: Mapping[str, "Replica"]
) -> Iterator[Problem]:
    """The service takes all connections of two releases, the replicas' too."""
    needed = connections(app.processes) * (1 + len(replicas))
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


def replicas_fit(
    replicas: Mapping[str, "Replica"],
    app: "Backend",
    acme: "Acme",
    site: "Site",
    dns: "Dns | None" = None,
) -> Iterator[Problem]:
    """Each replica could be a stack of its own: its name, its server and what runs on it."""
    alone = site.model_copy(update={"redirects_from": ()})
    for name, replica in replicas.items():
        for problem in (
            *rules.hostnames_fit_together(replica.domain, alone, acme, dns),
            *rules.ssh_comes_from_somewhere(replica.server),
            *server_rules.server_is_sold(replica.server),
        ):
            yield dataclasses.replace(problem, path=f"replicas.{name}.{problem.path}")
        for problem in server_rules.memory_fits(app, replica.server):
            yield dataclasses.replace(problem, path=f"replicas.{name}.server.type")


def replicas_have_names_of_their_own(
    replicas: Mapping[str, "Replica"],
    domain: str,
    site: "Site",
    database: "ManagedDatabase",
    database_server: "Server | None",
) -> Iterator[Problem]:
    """A host name leads to one server."""
    taken = {domain: "domain", **dict.fromkeys(site.redirects_from, "site.redirects_from")}
    if database_server:
        taken[database.host] = "database.host"
    for name, replica in replicas.items():
        path = f"replicas.{name}.domain"
        if first := taken.get(replica.domain):
            cure = "give each server a domain of its own"
            yield Problem(path, f"is in {first} too", cure, replica.domain)
        taken[replica.domain] = path


def replicas_differ_from_other_stacks(
    domain: str, site: "Site", replicas: Mapping[str, "Replica"], context: Context
) -> Iterator[Problem]:
    """No host name is a replica's in one stack and anything in another."""
    own = {f"replicas.{name}.domain": replica.domain for name, replica in replicas.items()}
    redirects = {f"site.redirects_from[{i}]": host for i, host in enumerate(site.redirects_from)}
    for stack, other in siblings.others(context):
        there = [entry.get("domain") for entry in replicas_of(other).values()]
        taken = [*siblings.domains(other), *there]
        for path, host in {"domain": domain, **redirects, **own}.items():
            if host in (taken if path in own else there):
                cure = "give each server a domain of its own"
                yield Problem(path, f"is a domain of stack {stack} too", cure, host)


def replicas_of(other: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what another stack's file says of its replicas, which nobody has checked yet."""
    found = other.get("replicas")
    replicas = found if isinstance(found, dict) else {}
    return {str(k): value if isinstance(value, dict) else {} for k, value in replicas.items()}


def databases_differ(
    database: "ManagedDatabase", replicas: Mapping[str, "Replica"], context: Context
) -> Iterator[Problem]:
    """Two stacks never write to the same database."""
    own = [database.name, *(database_of(database.name, replica) for replica in replicas)]
    for stack, other in siblings.others(context):
        theirs = other.get("database")
        if not isinstance(theirs, dict) or theirs.get("host") != database.host:
            continue
        name = str(theirs.get("name"))
        taken = {name, *(database_of(name, replica) for replica in replicas_of(other))}
        for each in taken.intersection(own):
            cure = "give each stack a database of its own"
            yield Problem("database.name", f"is the database of stack {stack} too", cure, each)


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
    replicas_fit,
    replicas_have_names_of_their_own,
    replicas_differ_from_other_stacks,
    rules.environment_is_free(RESERVED),
)
