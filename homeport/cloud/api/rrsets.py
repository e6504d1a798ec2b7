"""Record sets of DNS zones, and how a zone gets to the machinery."""

from typing import Annotated, Literal

import dns.exception
import dns.name
import dns.zone
import pydantic

from homeport.cloud.api import errors
from homeport.cloud.api.actions import Progress, job
from homeport.cloud.api.cloud import Cloud
from homeport.cloud.api.labels import Labels
from homeport.cloud.api.routing import Body, Call
from homeport.cloud.api.store import Doc
from homeport.cloud.api.zone_records import check_record_name, check_value
from homeport.cloud.contract import RecordSet

Ttl = Annotated[int, pydantic.Field(ge=60, le=2147483647)]
RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DS", "HINFO", "HTTPS", "MX", "NS", "PTR", "RP", "SOA", "SRV",
    "SVCB", "TLSA", "TXT",
]  # fmt: skip


class Record(Body):
    """One value of a record set."""

    value: str
    comment: str = ""


class Create(Body):
    """Body of `POST /zones/{id_or_name}/rrsets`."""

    name: Annotated[str, pydantic.AfterValidator(check_record_name)]
    type: RecordType
    ttl: Ttl | None = None
    labels: Labels = {}
    records: Annotated[list[Record], pydantic.Field(min_length=1)]


def zone_of(call: Call) -> Doc:
    """Return the zone that the path names by id or name.

    Raises:
        ApiError: `not_found`.
    """
    text = call.path["zone"]
    zone = call.cloud.store.find("zone", text)
    if zone is None and text.isdecimal():
        zone = call.cloud.store.get("zone", int(text))
    if zone is None:
        raise errors.ApiError("not_found", f"zone '{text}' not found")
    return zone


def of_zone(cloud: Cloud, zone_id: int) -> list[Doc]:
    """Return the record sets of a zone."""
    return [rrset for rrset in cloud.store.all("rrset") if rrset["zone"] == zone_id]


def key(zone_id: int, name: str, record_type: str) -> str:
    """Return what makes a record set unique."""
    return f"{zone_id}/{name}/{record_type}"


def add(cloud: Cloud, zone: Doc, body: Create, *, own: bool = False) -> Doc:
    """Record a new record set.

    Raises:
        ApiError: `uniqueness_error`, or `invalid_input` when a value is malformed, twice there, or
            does not go together with a CNAME.
    """
    if body.type == "SOA" and not own:
        raise errors.invalid("type", "the SOA record set is the API's own")
    records = check_records(zone, body.type, body.records)
    for other in of_zone(cloud, zone["id"]):
        if other["name"] == body.name and "CNAME" in (other["type"], body.type):
            if other["type"] == body.type:
                break
            msg = f"'{body.name}' has a {other['type']} record set; CNAME goes with no other type"
            raise errors.invalid("type", msg)
    doc = {
        "name": body.name,
        "type": body.type,
        "ttl": body.ttl,
        "labels": body.labels,
        "records": records,
        "zone": zone["id"],
        "protection": {"change": False},
    }
    mark = key(zone["id"], body.name, body.type)
    return cloud.store.insert("rrset", doc, key=mark, key_field="name and type")


def check_records(zone: Doc, record_type: str, records: list[Record]) -> list[Doc]:
    """Return records as documents, checked.

    Raises:
        ApiError: `invalid_input`.
    """
    values = [record.value for record in records]
    if len(set(values)) != len(values):
        raise errors.invalid("records", "a value is there more than once")
    if record_type == "CNAME" and len(values) > 1:
        raise errors.invalid("records", "a CNAME has one value")
    for value in values:
        check_value(zone["name"], record_type, value)
    return [record.model_dump() for record in records]


def render(_cloud: Cloud, rrset: Doc) -> Doc:
    """Return a record set as the API shows it; its id is name and type."""
    return {**rrset, "id": f"{rrset['name']}/{rrset['type']}"}


@job("serve_zone")
def _serve(cloud: Cloud, args: Doc, _progress: Progress) -> None:
    with cloud.store.transaction():
        zone = cloud.store.get("zone", args["id"])
        sets = of_zone(cloud, args["id"])
    if zone is None:
        return
    records = tuple(
        RecordSet(
            name=rrset["name"],
            type=rrset["type"],
            ttl=rrset["ttl"] or zone["ttl"],
            values=tuple(record["value"] for record in rrset["records"]),
        )
        for rrset in sets
        if not (rrset["name"] == "@" and rrset["type"] in ("SOA", "NS"))
    )
    cloud.machinery.apply_zone(zone["name"], zone["ttl"], records)


def start_serving(cloud: Cloud, command: str, zone: Doc) -> Doc:
    """Start the action that serves a zone as it is recorded by then."""
    resources = [("zone", zone["id"])]
    args = {"id": zone["id"]}
    return cloud.actions.start(command, resources, args, job_name="serve_zone", locks=False)


def to_zonefile(cloud: Cloud, zone: Doc) -> str:
    """Return a zone in zone file form."""
    lines = [f"$ORIGIN {zone['name']}.", f"$TTL {zone['ttl']}"]
    for rrset in of_zone(cloud, zone["id"]):
        ttl = f" {rrset['ttl']}" if rrset["ttl"] else ""
        for record in rrset["records"]:
            lines.append(f"{rrset['name']}{ttl} IN {rrset['type']} {record['value']}")
    return "\n".join(lines) + "\n"


def from_zonefile(zone: Doc, text: str) -> list[Create]:
    """Return the record sets of a zone file, without SOA and the NS of the zone itself.

    Raises:
        ApiError: `invalid_input` on `zonefile`.
    """
    origin = dns.name.from_text(zone["name"])
    try:
        parsed = dns.zone.from_text(text, origin=origin, relativize=False, check_origin=False)
    except (dns.exception.DNSException, ValueError) as error:
        raise errors.invalid("zonefile", str(error)) from error
    found = []
    for name, dataset in parsed.iterate_rdatasets():
        relative, kind = str(name.relativize(origin)), dataset.rdtype.name
        if relative == "@" and kind in ("SOA", "NS"):
            continue
        records = [{"value": rdata.to_text()} for rdata in dataset]
        wanted = {"name": relative, "type": kind, "ttl": dataset.ttl or None, "records": records}
        try:
            found.append(Create.model_validate(wanted))
        except pydantic.ValidationError as error:
            raise errors.invalid(
                "zonefile", f"{name} {kind}: {error.errors()[0]['msg']}"
            ) from error
    return found
