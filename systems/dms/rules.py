"""Rules that look at several keys of dms together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from components.config import Problem, rules, server_rules, siblings
from components.config.loading import Context, Rule
from components.config.problems import refuse
from components.site_headers import content_security_policy

from .contract import RESERVED, connections

if TYPE_CHECKING:
    from .config import Admin, Backend, ManagedDatabase, Sentry


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
    databases_differ,
    rules.environment_is_free(RESERVED),
)
