"""DNS records: quoting, names, and what cannot exist twice."""

from typing import Any

import pulumi
import pytest

from components.dns import DnsRecords, DnsRecordsArgs, RecordSet, logical, quoted
from tests.recorder import Deployment, record

A = RecordSet(name="@", type="A", values=["203.0.113.7"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", '""'),
        ("v=spf1 -all", '"v=spf1 -all"'),
        ('say "hi" \\o/', '"say \\"hi\\" \\\\o/"'),
        ("é", '"\\195\\169"'),
        ("a" * 255, '"' + "a" * 255 + '"'),
        ("a" * 256, '"' + "a" * 255 + '" "a"'),
        ("a" * 600, '"' + "a" * 255 + '" "' + "a" * 255 + '" "' + "a" * 90 + '"'),
    ],
)
def test_text_is_quoted_in_parts_of_at_most_255_bytes(text: str, value: str) -> None:
    assert quoted(text) == value


@pytest.mark.parametrize(
    ("name", "kind", "result"),
    [
        ("@", "A", "apex-a"),
        ("*", "CNAME", "any-cname"),
        ("*.dev", "A", "any-dev-a"),
        ("_dmarc.mail", "TXT", "_dmarc-mail-txt"),
    ],
)
def test_every_record_set_has_a_logical_name_of_its_own(name: str, kind: Any, result: str) -> None:
    assert logical(RecordSet(name=name, type=kind, values=["x"])) == result


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "WWW"}, "lower-case labels"),
        ({"name": "www."}, "relative to the zone"),
        ({"name": ""}, "relative to the zone"),
        ({"name": "a..b"}, "relative to the zone"),
        ({"values": []}, "name at least one value"),
        ({"ttl_seconds": 5}, "60 or more"),
        ({"type": "CNAME"}, "never at `@`"),
        ({"name": "www", "type": "CNAME", "values": ["a.", "b."]}, "a CNAME stands alone"),
    ],
)
def test_a_wrong_record_set_is_refused_with_field_value_and_cure(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        RecordSet(**{"name": "@", "type": "A", "values": ["203.0.113.7"], **fields})
    assert str(caught.value).startswith("RecordSet ")


def test_the_same_name_and_type_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"DnsRecords example.com: records: @ A is listed twice"):
        DnsRecordsArgs(zone="example.com", records=[A, A])


def run(**more: Any) -> Deployment:
    args = DnsRecordsArgs(zone="example.com", **{"records": [A], **more})
    return record(lambda: DnsRecords("dns", args))


def test_records_go_into_a_zone_that_exists() -> None:
    deployment = run()
    assert deployment.of_type("hcloud:index/zone:Zone") == []
    made = deployment.one("hcloud:index/zoneRrset:ZoneRrset", "dns-apex-a")
    assert made.inputs == {
        "zone": "example.com",
        "name": "@",
        "type": "A",
        "ttl": 300,
        "changeProtection": False,
        "labels": {},
        "records": [{"value": "203.0.113.7"}],
    }
    assert made.options.delete_before_replace is True


def test_a_zone_of_our_own_is_made_first_and_locked() -> None:
    deployment = run(create_zone=True, protect=True)
    zone = deployment.one("hcloud:index/zone:Zone")
    made = deployment.one("hcloud:index/zoneRrset:ZoneRrset")
    assert zone.options.protect is True
    assert zone.inputs["deleteProtection"] is True
    assert made.inputs["changeProtection"] is True
    assert zone.urn in made.options.dependencies


def test_an_address_that_is_only_known_later_is_passed_on() -> None:
    def program() -> None:
        later = pulumi.Output.from_input("203.0.113.9")
        text = pulumi.Output.concat("ip4:", later)
        records = [
            RecordSet(name="@", type="A", values=[later]),
            RecordSet(name="@", type="TXT", values=[text]),
        ]
        DnsRecords("dns", DnsRecordsArgs(zone="example.com", records=records))

    deployment = record(program)
    values = {
        made.name: made.inputs["records"][0]["value"]
        for made in deployment.of_type("hcloud:index/zoneRrset:ZoneRrset")
    }
    assert values == {"dns-apex-a": "203.0.113.9", "dns-apex-txt": '"ip4:203.0.113.9"'}
