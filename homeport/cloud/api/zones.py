"""DNS zones."""

from typing import Annotated, Literal

import pydantic

from homeport.cloud.api import errors, rrsets
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.clock import now
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.errors import ApiError
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.listing import page
from homeport.cloud.api.routing import (
    Body,
    Call,
    Reply,
    Routes,
    action_routes,
    patched,
    shown,
    started,
)
from homeport.cloud.api.rrsets import Create as NewRrset
from homeport.cloud.api.rrsets import Ttl
from homeport.cloud.api.store import Doc
from homeport.cloud.api.zone_records import check_zone_name

NAMESERVERS = ("hydrogen.ns.hetzner.com.", "oxygen.ns.hetzner.com.", "helium.ns.hetzner.de.")
_SOA = f"{NAMESERVERS[0]} dns.hetzner.com. 2026010100 86400 10800 3600000 3600"
ZoneName = Annotated[str, pydantic.AfterValidator(check_zone_name)]


class Create(Body):
    """Body of `POST /zones`."""

    name: ZoneName
    mode: Literal["primary", "secondary"] = "primary"
    ttl: Ttl = 3600
    labels: Labels = {}
    rrsets: list[NewRrset] = []
    zonefile: str | None = None


class Update(Body):
    """Body of `PUT /zones/{id_or_name}`."""

    labels: Labels | None = None


class ChangeTtl(Body):
    """Body of the action `change_ttl`."""

    ttl: Ttl


class Protection(Body):
    """Body of the action `change_protection`."""

    delete: bool


class ZoneFile(Body):
    """Body of the action `import_zonefile`."""

    zonefile: str


def render(cloud: Cloud, zone: Doc) -> Doc:
    """Return a zone as the API shows it."""
    sets = rrsets.of_zone(cloud, zone["id"])
    return {
        **zone,
        "primary_nameservers": [],
        "status": "ok",
        "registrar": "other",
        "record_count": sum(len(rrset["records"]) for rrset in sets),
        "authoritative_nameservers": {
            "assigned": list(NAMESERVERS),
            "delegated": [],
            "delegation_last_check": zone["created"],
            "delegation_status": "unknown",
        },
    }


@job("delete_zone")
def _delete(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    cloud.machinery.remove_zone(args["name"])
    with cloud.store.transaction():
        for rrset in rrsets.of_zone(cloud, args["id"]):
            cloud.store.delete("rrset", rrset["id"])
        cloud.store.delete("zone", args["id"])


routes = Routes("/zones")
action_routes(routes, "zone", rrsets.zone_of, "/{zone}")


@routes.add("GET", "")
def list_all(call: Call) -> Reply:
    """List zones."""
    filters = {"name": lambda zone: zone["name"], "mode": lambda zone: zone["mode"]}
    found, meta = page(call.query, call.cloud.store.all("zone"), ("id", "name", "created"), filters)
    return Reply({"zones": [render(call.cloud, zone) for zone in found], **meta})


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Make a zone with its SOA and NS records, and what the request brings."""
    body, cloud = call.body(Create), call.cloud
    cloud.check_limit("zone")
    if body.mode == "secondary":
        raise ApiError("unsupported_error", "secondary zones are not available in this stand-in")
    if body.rrsets and body.zonefile:
        raise errors.invalid("zonefile", "rrsets and zonefile exclude each other")
    zone = cloud.store.insert(
        "zone",
        {
            "name": body.name,
            "mode": body.mode,
            "ttl": body.ttl,
            "labels": body.labels,
            "protection": {"delete": False},
            "created": now(),
        },
    )
    _add_own_records(cloud, zone)
    for wanted in rrsets.from_zonefile(zone, body.zonefile) if body.zonefile else body.rrsets:
        rrsets.add(cloud, zone, wanted)
    action = rrsets.start_serving(cloud, "create_zone", zone)
    return Reply({"zone": render(cloud, zone), "action": shown(call, action)}, 201)


def _add_own_records(cloud: Cloud, zone: Doc) -> None:
    for kind, values in (("SOA", (_SOA,)), ("NS", NAMESERVERS)):
        records = [rrsets.Record(value=value) for value in values]
        rrsets.add(cloud, zone, NewRrset(name="@", type=kind, records=records), own=True)


@routes.add("GET", "/{zone}")
def get(call: Call) -> Reply:
    """Show a zone."""
    return Reply({"zone": render(call.cloud, rrsets.zone_of(call))})


@routes.add("PUT", "/{zone}")
def update(call: Call) -> Reply:
    """Change labels."""
    zone = patched(rrsets.zone_of(call), call.body(Update), "labels")
    call.cloud.store.save("zone", zone)
    return Reply({"zone": render(call.cloud, zone)})


@routes.add("DELETE", "/{zone}")
def delete(call: Call) -> Reply:
    """Stop serving a zone."""
    zone = rrsets.zone_of(call)
    if zone["protection"]["delete"]:
        raise errors.protected("zone")
    args = {"id": zone["id"], "name": zone["name"]}
    action = call.cloud.actions.start("delete_zone", [("zone", zone["id"])], args)
    return Reply({"action": shown(call, action)}, 201)


@routes.add("GET", "/{zone}/zonefile")
def export(call: Call) -> Reply:
    """Show a zone as a zone file."""
    zone = rrsets.zone_of(call)
    return Reply({"zonefile": rrsets.to_zonefile(call.cloud, zone)})


@routes.add("POST", "/{zone}/actions/import_zonefile")
def import_zonefile(call: Call) -> Reply:
    """Replace all record sets but the zone's own."""
    zone, cloud = rrsets.zone_of(call), call.cloud
    wanted = rrsets.from_zonefile(zone, call.body(ZoneFile).zonefile)
    for rrset in rrsets.of_zone(cloud, zone["id"]):
        if rrset["protection"]["change"]:
            raise errors.protected("rrset", "changes")
        cloud.store.delete("rrset", rrset["id"])
    _add_own_records(cloud, zone)
    for item in wanted:
        rrsets.add(cloud, zone, item)
    return started(call, rrsets.start_serving(cloud, "import_zonefile", zone))


@routes.add("POST", "/{zone}/actions/change_ttl")
def change_ttl(call: Call) -> Reply:
    """Change the lifetime of record sets that have none of their own."""
    zone = rrsets.zone_of(call) | {"ttl": call.body(ChangeTtl).ttl}
    call.cloud.store.save("zone", zone)
    return started(call, rrsets.start_serving(call.cloud, "change_ttl", zone))


@routes.add("POST", "/{zone}/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against deletion, or no longer."""
    fields = {"protection": {"delete": call.body(Protection).delete}}
    zone = rrsets.zone_of(call)
    return started(call, call.cloud.actions.set_fields("change_protection", "zone", zone, fields))


@routes.add("POST", "/{zone}/actions/change_primary_nameservers")
def change_primary_nameservers(_call: Call) -> Reply:
    """Refuse: only secondary zones have primary nameservers."""
    msg = "primary nameservers belong to secondary zones, which are not available in this stand-in"
    raise ApiError("unsupported_error", msg)
