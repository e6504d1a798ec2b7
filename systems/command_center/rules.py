"""Rules that look at several keys of command-center together."""

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from components.config import Problem, image_rules, rules, server_rules, siblings
from components.config.loading import Rule

from .names import RESERVED

if TYPE_CHECKING:
    from components.config.parts import Images, Postgres, Redis, Server

    from .config import Auth, Grafana, Jwt, Logs, Mail, Monitoring, PgAdmin, Service, Tool

SOONEST = datetime.timedelta(days=30)
"""Keys that end sooner would surprise whoever uses them."""


def services_are_sound(
    auth: "Auth", rest: "Service", realtime: "Service", mail: "Mail", objects: "Service"
) -> Iterator[Problem]:
    """No service is told what the program tells it, and none shows its inside."""
    for key, service in _services(auth, rest, realtime, mail, objects).items():
        yield from rules.set_twice(key, service, RESERVED)
        yield from rules.debugging(key, service)


def containers_fit(
    *,
    images: "Images",
    server: "Server",
    postgres: "Postgres",
    redis: "Redis",
    monitoring: "Monitoring",
    logs: "Logs",
    pgadmin: "PgAdmin",
    grafana: "Grafana",
    auth: "Auth",
    rest: "Service",
    realtime: "Service",
    mail: "Mail",
    objects: "Service",
) -> Iterator[Problem]:
    """Every image is for the server, and pinned where that is required; all limits fit into it.

    Whatever has releases counts twice, since all of them may change at once.
    """
    released: dict[str, Service | Tool] = {
        **_services(auth, rest, realtime, mail, objects),
        **{f"monitoring.{key}": tool for key, tool in monitoring.tools().items()},
        "logs": logs,
        "pgadmin": pgadmin,
        **({"grafana": grafana} if grafana.enabled else {}),
    }
    lasting: dict[str, Postgres | Redis] = {"postgres": postgres, "redis": redis}
    named = {
        **{f"{key}.image": each.image for key, each in released.items()},
        **{f"{key}.image": each.image for key, each in lasting.items()},
    }
    yield from image_rules.without_digest(images, named)
    yield from server_rules.other_processors(server, named)
    limits = {
        **{f"{key}.memory_mib": each.memory_mib for key, each in lasting.items()},
        **{f"{key}.memory_mib twice": 2 * each.memory_mib for key, each in released.items()},
    }
    yield from server_rules.too_much_memory(limits, server_rules.memory_of(server))


def keys_last(jwt: "Jwt") -> Iterator[Problem]:
    """Whoever uses a key is not locked out soon."""
    soonest = datetime.datetime.now(datetime.UTC).date() + SOONEST
    if jwt.day < soonest:
        cure = f"name a day from {soonest} on; the keys are signed anew, and reach the page"
        yield Problem("jwt.expires", "is over, or less than 30 days away", cure, jwt.expires)


def logins_lead_elsewhere(auth: "Auth", domain: str) -> Iterator[Problem]:
    """The allow list says what is not allowed anyway."""
    for index, url in enumerate(auth.redirects_to):
        if url == f"https://{domain}" or url.startswith(f"https://{domain}/"):
            cure = "remove it: a login may lead to the site anyway"
            yield Problem(f"auth.redirects_to[{index}]", "is the site itself", cure, url)


def _services(
    auth: "Auth", rest: "Service", realtime: "Service", mail: "Mail", objects: "Service"
) -> Mapping[str, "Service"]:
    return {"auth": auth, "rest": rest, "realtime": realtime, "mail": mail, "objects": objects}


ALL: tuple[Rule, ...] = (
    rules.stack_can_be_a_prefix,
    rules.hostnames_fit_together,
    rules.untrusted_certificates_need_short_hsts,
    rules.ssh_comes_from_somewhere,
    server_rules.server_is_sold,
    siblings.stack_files_are_readable,
    siblings.domains_differ,
    siblings.secrets_differ,
    services_are_sound,
    containers_fit,
    keys_last,
    logins_lead_elsewhere,
)
