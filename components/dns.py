"""DNS records of a domain in Hetzner's DNS."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import pulumi
import pulumi_hcloud as hcloud

RecordType = Literal["A", "AAAA", "CNAME", "TXT", "MX", "CAA", "SRV", "NS", "PTR", "TLSA"]

_TXT_PART = 255
_NAME = re.compile(
    r"@|\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*"
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordSet:
    """All values of one name and type: what is not listed does not exist."""

    name: str
    """Relative to the zone; `@` is the zone itself, `*` everything without a name of its own."""
    type: RecordType
    """The record type."""
    values: Sequence[pulumi.Input[str]]
    """Values as in a zone file; a TXT value is plain text and gets its quotes here."""
    ttl_seconds: int = 300
    """How long others may remember it."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            self._refuse("name", self.name, "lower-case labels, `@` or `*`, relative to the zone")
        if not self.values:
            self._refuse("values", "()", "name at least one value, or leave out the record set")
        if not 60 <= self.ttl_seconds <= 2_147_483_647:
            self._refuse("ttl_seconds", self.ttl_seconds, "60 or more")
        if self.type == "CNAME" and (self.name == "@" or len(self.values) != 1):
            self._refuse("type", "CNAME", "a CNAME stands alone, and never at `@`")

    def _refuse(self, field: str, value: object, rule: str) -> None:
        msg = f"RecordSet {self.name} {self.type}: {field}: {rule} (got {value!r})"
        raise ValueError(msg)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DnsRecordsArgs:
    """Records of one zone."""

    zone: str
    """The domain, such as `example.com`."""
    records: Sequence[RecordSet]
    """What is to resolve."""
    create_zone: bool = False
    """Whether the stack makes the zone; else it must exist, with whatever other records it has."""
    protect: bool = False
    """Whether zone and records are locked against deletion and change from elsewhere."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Labels in the cloud."""

    def __post_init__(self) -> None:
        keys = [(record.name, record.type) for record in self.records]
        double = sorted({f"{name} {kind}" for name, kind in keys if keys.count((name, kind)) > 1})
        if double:
            msg = (
                f"DnsRecords {self.zone}: records: {', '.join(double)} is listed twice; merge them"
            )
            raise ValueError(msg)


class DnsRecords(pulumi.ComponentResource):
    """Record sets that hold exactly the values named here."""

    zone: pulumi.Output[str]
    """The zone that holds the records."""

    def __init__(
        self, name: str, args: DnsRecordsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:dns:DnsRecords", name, {}, opts)
        self.zone = pulumi.Output.from_input(args.zone)
        if args.create_zone:
            zone = hcloud.Zone(
                f"{name}-zone",
                name=args.zone,
                mode="primary",
                labels=dict(args.labels),
                delete_protection=args.protect,
                opts=pulumi.ResourceOptions(
                    parent=self, protect=args.protect, delete_before_replace=True
                ),
            )
            self.zone = zone.name
        for record in args.records:
            hcloud.ZoneRrset(
                f"{name}-{logical(record)}",
                zone=self.zone,
                name=record.name,
                type=record.type,
                ttl=record.ttl_seconds,
                change_protection=args.protect,
                labels=dict(args.labels),
                records=[
                    hcloud.ZoneRrsetRecordArgs(value=value_of(record.type, value))
                    for value in record.values
                ],
                # A name and type can exist once only.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.register_outputs({"zone": self.zone})


def logical(record: RecordSet) -> str:
    """Return the part of a logical name that tells record sets apart."""
    spelled = record.name.replace("@", "apex").replace("*", "any").replace(".", "-")
    return f"{spelled}-{record.type.lower()}"


def value_of(kind: str, value: pulumi.Input[str]) -> pulumi.Input[str]:
    """Return a value as the zone holds it."""
    if kind != "TXT":
        return value
    if isinstance(value, str):
        return quoted(value)
    return pulumi.Output.all(value=value).apply(lambda known: quoted(known["value"]))


def quoted(text: str) -> str:
    """Return text as a TXT value: parts of at most 255 bytes, in quotes."""
    data = text.encode()
    parts = [data[i : i + _TXT_PART] for i in range(0, len(data), _TXT_PART)] or [b""]
    return " ".join(f'"{escaped(part)}"' for part in parts)


def escaped(part: bytes) -> str:
    """Return bytes as they stand between quotes in a zone file."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\"}
    return "".join(
        plain.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}") for byte in part
    )


def relative(hostname: str, zone: str) -> str:
    """Return a host name as its zone writes it: `@` is the zone itself.

    Raises:
        ValueError: the name does not lie in the zone.
    """
    if hostname == zone:
        return "@"
    if not hostname.endswith(f".{zone}"):
        msg = f"DnsRecords {zone}: {hostname} does not lie in this zone; name the zone it lies in"
        raise ValueError(msg)
    return hostname.removesuffix(f".{zone}")


def address_records(
    zone: str, hostnames: Sequence[str], address: pulumi.Input[str]
) -> list[RecordSet]:
    """Return what leads host names of a zone to one IPv4 address."""
    return [RecordSet(name=relative(name, zone), type="A", values=[address]) for name in hostnames]
