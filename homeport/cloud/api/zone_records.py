"""Names and values of DNS records: what is well formed, and how it is written."""

import re

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from homeport.cloud.api import errors

TYPES = (
    "A", "AAAA", "CAA", "CNAME", "DS", "HINFO", "HTTPS", "MX", "NS", "PTR", "RP", "SOA", "SRV",
    "SVCB", "TLSA", "TXT",
)  # fmt: skip
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_QUOTED = re.compile(r'"([^"\\]|\\.)*"(\s+"([^"\\]|\\.)*")*')


def check_zone_name(name: str) -> str:
    """Return a zone's name, lower case and without the last dot.

    Raises:
        ValueError: When it is no domain name of at least two labels.
    """
    if name != name.lower() or name.endswith("."):
        msg = f"'{name}' must be lower case and without a dot at the end"
        raise ValueError(msg)
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(_LABEL.fullmatch(part) for part in labels):
        msg = f"'{name}' is not a valid domain name"
        raise ValueError(msg)
    return name


def check_record_name(name: str) -> str:
    """Return a record set's name, which is relative to the zone.

    Raises:
        ValueError: When it is neither `@` nor labels, the first of which may be `*`.
    """
    labels = name.split(".")
    if name != "@" and not all(
        _LABEL.fullmatch(part) or (at == 0 and part == "*") for at, part in enumerate(labels)
    ):
        msg = f"'{name}' must be '@' or a name relative to the zone, in lower case"
        raise ValueError(msg)
    return name


def check_value(zone: str, record_type: str, value: str) -> None:
    """Refuse a value that no zone file could hold.

    Raises:
        ApiError: `invalid_input` on `records`.
    """
    if record_type == "TXT" and not _QUOTED.fullmatch(value):
        raise errors.invalid("records", f"TXT value {value!r} must be in double quotes")
    try:
        origin = dns.name.from_text(zone)
        kind = dns.rdatatype.from_text(record_type)
        dns.rdata.from_text(dns.rdataclass.IN, kind, value, origin=origin)
    except (dns.exception.DNSException, ValueError) as error:
        msg = f"{value!r} is not a valid {record_type} value: {error}"
        raise errors.invalid("records", msg) from error
