"""Routes of the record sets of a zone."""

from homeport.cloud.api import errors, rrsets
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.listing import page
from homeport.cloud.api.routing import Body, Call, Reply, Routes, patched, shown, started
from homeport.cloud.api.rrsets import Record, Ttl
from homeport.cloud.api.store import Doc

routes = Routes("/zones/{zone}/rrsets")
_ONE = "/{name}/{type}"


class Update(Body):
    """Body of `PUT …/rrsets/{name}/{type}`."""

    labels: Labels | None = None


class Records(Body):
    """Body of the actions on records."""

    records: list[Record]
    ttl: Ttl | None = None


class ChangeTtl(Body):
    """Body of the action `change_ttl`; null takes the zone's."""

    ttl: Ttl | None


class Protection(Body):
    """Body of the action `change_protection`."""

    change: bool


def _rrset(call: Call) -> tuple[Doc, Doc]:
    zone = rrsets.zone_of(call)
    name, kind = call.path["name"], call.path["type"]
    rrset = call.cloud.store.find_key("rrset", rrsets.key(zone["id"], name, kind))
    if rrset is None:
        raise errors.ApiError("not_found", f"zone {zone['name']} has no rrset {name}/{kind}")
    return zone, rrset


def _changeable(call: Call) -> tuple[Doc, Doc]:
    zone, rrset = _rrset(call)
    if rrset["protection"]["change"]:
        raise errors.protected("rrset", "changes")
    if rrset["type"] == "SOA":
        raise errors.invalid("type", "the SOA record set is the API's own")
    return zone, rrset


def _save(call: Call, command: str, zone: Doc, rrset: Doc) -> Reply:
    call.cloud.store.save("rrset", rrset)
    return started(call, rrsets.start_serving(call.cloud, command, zone))


@routes.add("GET", "")
def list_all(call: Call) -> Reply:
    """List the record sets of a zone."""
    docs = rrsets.of_zone(call.cloud, rrsets.zone_of(call)["id"])
    filters = {"name": lambda rrset: rrset["name"], "type": lambda rrset: rrset["type"]}
    found, meta = page(call.query, docs, ("id", "name", "type"), filters)
    return Reply({"rrsets": [rrsets.render(call.cloud, rrset) for rrset in found], **meta})


@routes.add("POST", "")
def create(call: Call) -> Reply:
    """Add a record set."""
    zone = rrsets.zone_of(call)
    rrset = rrsets.add(call.cloud, zone, call.body(rrsets.Create))
    action = rrsets.start_serving(call.cloud, "create_rrset", zone)
    return Reply({"rrset": rrsets.render(call.cloud, rrset), "action": shown(call, action)}, 201)


@routes.add("GET", _ONE)
def get(call: Call) -> Reply:
    """Show a record set."""
    return Reply({"rrset": rrsets.render(call.cloud, _rrset(call)[1])})


@routes.add("PUT", _ONE)
def update(call: Call) -> Reply:
    """Change labels."""
    rrset = patched(_rrset(call)[1], call.body(Update), "labels")
    call.cloud.store.save("rrset", rrset)
    return Reply({"rrset": rrsets.render(call.cloud, rrset)})


@routes.add("DELETE", _ONE)
def delete(call: Call) -> Reply:
    """Remove a record set."""
    zone, rrset = _changeable(call)
    call.cloud.store.delete("rrset", rrset["id"])
    action = rrsets.start_serving(call.cloud, "delete_rrset", zone)
    return Reply({"action": shown(call, action)}, 201)


@routes.add("POST", _ONE + "/actions/change_protection")
def change_protection(call: Call) -> Reply:
    """Protect against changes, or no longer."""
    zone, rrset = _rrset(call)
    rrset["protection"] = {"change": call.body(Protection).change}
    return _save(call, "change_rrset_protection", zone, rrset)


@routes.add("POST", _ONE + "/actions/change_ttl")
def change_ttl(call: Call) -> Reply:
    """Change the lifetime."""
    zone, rrset = _changeable(call)
    return _save(call, "change_rrset_ttl", zone, rrset | {"ttl": call.body(ChangeTtl).ttl})


@routes.add("POST", _ONE + "/actions/set_records")
def set_records(call: Call) -> Reply:
    """Replace all values."""
    zone, rrset = _changeable(call)
    wanted = call.body(Records).records
    if not wanted:
        raise errors.invalid("records", "must not be empty; delete the record set instead")
    records = rrsets.check_records(zone, rrset["type"], wanted)
    return _save(call, "set_rrset_records", zone, rrset | {"records": records})


@routes.add("POST", _ONE + "/actions/add_records")
def add_records(call: Call) -> Reply:
    """Add values; makes the record set when it is not there."""
    body, zone = call.body(Records), rrsets.zone_of(call)
    name, kind = call.path["name"], call.path["type"]
    if call.cloud.store.find_key("rrset", rrsets.key(zone["id"], name, kind)) is None:
        wanted = {"name": name, "type": kind, "ttl": body.ttl, "records": body.records}
        whole = Call(call.cloud, call.path, call.query, wanted)
        rrset = rrsets.add(call.cloud, zone, whole.body(rrsets.Create))
        return _save(call, "add_rrset_records", zone, rrset)
    zone, rrset = _changeable(call)
    if body.ttl is not None and body.ttl != rrset["ttl"]:
        raise errors.invalid("ttl", f"must equal the record set's, {rrset['ttl']}")
    merged = [Record(**record) for record in rrset["records"]] + body.records
    records = rrsets.check_records(zone, rrset["type"], merged)
    return _save(call, "add_rrset_records", zone, rrset | {"records": records})


@routes.add("POST", _ONE + "/actions/update_records")
def update_records(call: Call) -> Reply:
    """Change the comments of values that are there."""
    zone, rrset = _changeable(call)
    comments = {record.value: record.comment for record in call.body(Records).records}
    _check_known(rrset, comments)
    records = [
        record | {"comment": comments.get(record["value"], record["comment"])}
        for record in rrset["records"]
    ]
    return _save(call, "update_rrset_records", zone, rrset | {"records": records})


@routes.add("POST", _ONE + "/actions/remove_records")
def remove_records(call: Call) -> Reply:
    """Remove values; with the last one the record set goes."""
    zone, rrset = _changeable(call)
    gone = {record.value: record.comment for record in call.body(Records).records}
    _check_known(rrset, gone)
    kept = [record for record in rrset["records"] if record["value"] not in gone]
    if not kept:
        call.cloud.store.delete("rrset", rrset["id"])
    return _save(call, "remove_rrset_records", zone, rrset | {"records": kept})


def _check_known(rrset: Doc, values: dict[str, str]) -> None:
    known = {record["value"] for record in rrset["records"]}
    for value in values:
        if value not in known:
            raise errors.invalid("records", f"the record set has no value {value!r}")
