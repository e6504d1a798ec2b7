"""Rules that look at several keys of odoo together."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from components import hetzner_catalogue as catalogue
from components import secrets
from components.config import (
    Problem,
    image_rules,
    rules,
    secret_rules,
    server_rules,
    siblings,
)
from components.config.loading import Rule

from .odoo_conf import workers

if TYPE_CHECKING:
    from components.config.parts import Dns, Server

    from .config import Admin, App, Postgres, Tenant, Wildcard

RESERVED = {
    "ODOO_RC": "leave it to the program",
    "GEVENT_PORT": "leave it to the program",
    "TENANT_PASSWORD_FILE": "leave it to the program",
}
"""What only the program sets, and what to do instead."""
MOST_NAMES = 100
"""So many names one certificate may have."""


def wildcard_is_whole(
    wildcard: "Wildcard | None", dns_token: secrets.Secret | None
) -> Iterator[Problem]:
    """A wildcard certificate needs somebody who can change the zone."""
    yield from secret_rules.together("dns_token", dns_token, "wildcard", wildcard)


def wildcard_covers_the_domain(domain: str, wildcard: "Wildcard | None") -> Iterator[Problem]:
    """The zone of the challenge holds the domain."""
    if wildcard and not f".{domain}".endswith(f".{wildcard.zone}"):
        cure = "name the zone that holds it"
        yield Problem("wildcard.zone", f"does not hold {domain}", cure, wildcard.zone)


def names_fit_in_a_certificate(
    tenants: "Mapping[str, Tenant]", wildcard: "Wildcard | None"
) -> Iterator[Problem]:
    """Without a wildcard each tenant is a name of the certificate, and those are limited."""
    if not wildcard and len(tenants) + 1 > MOST_NAMES:
        wrong = f"are {len(tenants)}, and a certificate has at most {MOST_NAMES} names"
        yield Problem("tenants", wrong, "give wildcard (zone) and dns_token")


def admin_has_a_name_of_its_own(
    domain: str, admin: "Admin", tenants: "Mapping[str, Tenant]", dns: "Dns | None"
) -> Iterator[Problem]:
    """The super-admin is served where nobody else is."""
    if admin.domain == domain:
        cure = "use a name such as admin.example.com"
        yield Problem("admin.domain", "is the domain itself", cure, admin.domain)
    for tenant in tenants:
        if admin.domain == f"{tenant}.{domain}":
            cure = "rename one of them"
            yield Problem(f"tenants.{tenant}", "has the host name of admin.domain", cure)
    if dns and not f".{admin.domain}".endswith(f".{dns.zone}"):
        cure = f"use a name that ends in {dns.zone}, or another dns.zone"
        yield Problem("admin.domain", f"is not inside the zone {dns.zone}", cure, admin.domain)


def nobody_is_at_the_apex(domain: str, tenants: "Mapping[str, Tenant]") -> Iterator[Problem]:
    """Odoo looks at a host's first label alone, also at the domain's own."""
    label = domain.partition(".")[0]
    if label in tenants:
        wrong = f"would be served at {domain} too, whose first label it is"
        yield Problem(f"tenants.{label}", wrong, "choose another name")


def memory_fits(
    app: "App", admin: "Admin", postgres: "Postgres", server: "Server"
) -> Iterator[Problem]:
    """All limits together fit into the server's memory, during a release too."""
    needs = {
        "app.memory_mib twice": 2 * app.memory_mib,
        "admin.memory_mib twice": 2 * admin.memory_mib,
        "postgres.memory_mib": postgres.memory_mib,
        "postgres.admin_memory_mib": postgres.admin_memory_mib,
    }
    yield from server_rules.too_much_memory(needs, server_rules.memory_of(server))


def workers_fit(app: "App", admin: "Admin", server: "Server") -> Iterator[Problem]:
    """Workers reach their own limits before the machine or their container reaches its own."""
    kind = catalogue.server_type(server.type)
    total = server_rules.memory_of(server)
    for path, instance in (("app", app), ("admin", admin)):
        soft, hard = instance.limit_memory_soft_mib, instance.limit_memory_hard_mib
        if soft > hard:
            cure = f"use {hard} or less, or raise limit_memory_hard_mib"
            wrong = "is above limit_memory_hard_mib, which ends a worker at once"
            yield Problem(f"{path}.limit_memory_soft_mib", wrong, cure, str(soft))
        if hard > instance.memory_mib:
            cure = f"use {instance.memory_mib} or less, or raise {path}.memory_mib"
            wrong = f"is above {path}.memory_mib: the whole instance would be stopped before"
            yield Problem(f"{path}.limit_memory_hard_mib", wrong, cure, str(hard))
        # And one process for events.
        processes = (instance.workers or workers(kind.cores)) + 1
        if processes * soft > total:
            wrong = f"for {processes} processes is {processes * soft} MiB, the server has {total}"
            cure = f"use {total // processes} or less, fewer {path}.workers, or a larger server"
            yield Problem(f"{path}.limit_memory_soft_mib", wrong, cure, str(soft))


ALL: tuple[Rule, ...] = (
    rules.stack_can_be_a_prefix,
    rules.hostnames_fit_together,
    rules.untrusted_certificates_need_short_hsts,
    image_rules.images_are_pinned,
    rules.ssh_comes_from_somewhere,
    image_rules.registry_login_is_whole,
    image_rules.registry_serves_the_image,
    rules.debugging_is_off,
    server_rules.server_is_sold,
    server_rules.server_runs_the_images,
    siblings.stack_files_are_readable,
    siblings.domains_differ,
    siblings.secrets_differ,
    wildcard_is_whole,
    wildcard_covers_the_domain,
    names_fit_in_a_certificate,
    admin_has_a_name_of_its_own,
    nobody_is_at_the_apex,
    memory_fits,
    workers_fit,
    rules.environment_is_free(RESERVED),
)
