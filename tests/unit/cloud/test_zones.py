import pytest
from hcloud import Client
from hcloud.zones import BoundZone, ZoneRecord, ZoneRRSet

from tests.unit.cloud.machinery import MemoryMachinery
from tests.unit.cloud.orders import code_of


def make(client: Client, name: str = "example.org", **more: object) -> BoundZone:
    response = client.zones.create(name=name, mode="primary", **more)
    response.action.wait_until_finished()
    return response.zone


def values(machinery: MemoryMachinery, name: str, kind: str, zone: str = "example.org") -> object:
    found = [item for item in machinery.zones[zone] if (item.name, item.type) == (name, kind)]
    return [(item.ttl, item.values) for item in found]


def a(*texts: str) -> list[ZoneRecord]:
    return [ZoneRecord(value=text) for text in texts]


def test_a_zone_has_its_own_records_and_is_served(
    client: Client, machinery: MemoryMachinery
) -> None:
    zone = make(client, ttl=600, labels={"a": "b"})
    assert (zone.name, zone.ttl, zone.mode, zone.labels) == (
        "example.org", 600, "primary", {"a": "b"},
    )  # fmt: skip
    assert machinery.zones == {"example.org": ()}
    own = [(rrset.name, rrset.type) for rrset in client.zones.get_rrset_all(zone)]
    assert own == [("@", "SOA"), ("@", "NS")]
    assert client.zones.get("example.org").id == zone.id
    assert client.zones.get(zone.id).record_count == 4
    assert client.zones.get_all(name="example.org")[0].id == zone.id
    zone.delete().action.wait_until_finished()
    assert machinery.leftovers() == {}
    assert code_of(lambda: client.zones.get("example.org")) == "not_found"


def test_record_sets_reach_the_name_server(client: Client, machinery: MemoryMachinery) -> None:
    zone = make(client)
    created = zone.create_rrset(name="www", type="A", ttl=60, records=a("192.0.2.1", "192.0.2.2"))
    created.action.wait_until_finished()
    assert created.rrset.id == "www/A"
    assert values(machinery, "www", "A") == [(60, ("192.0.2.1", "192.0.2.2"))]
    rrset = zone.get_rrset("www", "A")
    rrset.set_rrset_records(a("192.0.2.3")).wait_until_finished()
    rrset.add_rrset_records(a("192.0.2.4")).wait_until_finished()
    rrset.change_rrset_ttl(None).wait_until_finished()
    assert values(machinery, "www", "A") == [(3600, ("192.0.2.3", "192.0.2.4"))]
    rrset.remove_rrset_records(a("192.0.2.3")).wait_until_finished()
    assert values(machinery, "www", "A") == [(3600, ("192.0.2.4",))]
    rrset.delete_rrset().action.wait_until_finished()
    assert values(machinery, "www", "A") == []
    assert code_of(lambda: zone.get_rrset("www", "A")) == "not_found"


def test_the_last_record_takes_its_set_along_and_adding_makes_one(
    client: Client, machinery: MemoryMachinery
) -> None:
    zone = make(client)
    new = ZoneRRSet(zone=zone, name="_acme-challenge", type="TXT")
    client.zones.add_rrset_records(new, a('"token"'), ttl=60).wait_until_finished()
    assert values(machinery, "_acme-challenge", "TXT") == [(60, ('"token"',))]
    client.zones.remove_rrset_records(new, a('"token"')).wait_until_finished()
    assert code_of(lambda: zone.get_rrset("_acme-challenge", "TXT")) == "not_found"


def test_comments_stay_with_their_values(client: Client) -> None:
    zone = make(client)
    records = [ZoneRecord(value="192.0.2.1", comment="first")]
    zone.create_rrset(name="@", type="A", records=records)
    rrset = zone.get_rrset("@", "A")
    assert rrset.records[0].comment == "first"
    client.zones.update_rrset_records(rrset, [ZoneRecord("192.0.2.1", "second")])
    assert zone.get_rrset("@", "A").records[0].comment == "second"


@pytest.mark.parametrize(
    ("name", "kind", "texts"),
    [
        ("www", "A", ["not-an-address"]),
        ("www", "A", ["192.0.2.1", "192.0.2.1"]),
        ("www", "AAAA", ["192.0.2.1"]),
        ("www", "TXT", ["unquoted"]),
        ("www", "MX", ["mail.example.org."]),
        ("www", "CNAME", ["a.example.org.", "b.example.org."]),
        ("www.", "A", ["192.0.2.1"]),
        ("WWW", "A", ["192.0.2.1"]),
        ("www", "BOGUS", ["x"]),
        ("@", "SOA", ["a. b. 1 2 3 4 5"]),
        ("www", "A", []),
    ],
)
def test_a_malformed_record_set_is_refused(
    client: Client, machinery: MemoryMachinery, name: str, kind: str, texts: list[str]
) -> None:
    zone = make(client)
    refused = lambda: zone.create_rrset(name=name, type=kind, records=a(*texts))  # noqa: E731
    assert code_of(refused) == "invalid_input"
    assert machinery.zones == {"example.org": ()}


def test_a_name_and_type_is_there_once_and_a_cname_stands_alone(client: Client) -> None:
    zone = make(client)
    zone.create_rrset(name="www", type="A", records=a("192.0.2.1"))
    twice = lambda: zone.create_rrset(name="www", type="A", records=a("192.0.2.9"))  # noqa: E731
    assert code_of(twice) == "uniqueness_error"
    beside = lambda: zone.create_rrset(name="www", type="CNAME", records=a("x.org."))  # noqa: E731
    assert code_of(beside) == "invalid_input"
    make(client, "example.net")
    assert code_of(lambda: make(client, "example.net")) == "uniqueness_error"


def test_protection_holds_for_zones_and_record_sets(client: Client) -> None:
    zone = make(client)
    zone.create_rrset(name="www", type="A", records=a("192.0.2.1"))
    rrset = zone.get_rrset("www", "A")
    rrset.change_rrset_protection(change=True).wait_until_finished()
    assert code_of(rrset.delete_rrset) == "protected"
    assert code_of(lambda: rrset.set_rrset_records(a("192.0.2.2"))) == "protected"
    zone.change_protection(delete=True).wait_until_finished()
    assert code_of(zone.delete) == "protected"


def test_the_zone_s_lifetime_holds_where_a_set_has_none(
    client: Client, machinery: MemoryMachinery
) -> None:
    zone = make(client)
    zone.create_rrset(name="www", type="A", records=a("192.0.2.1"))
    zone.change_ttl(120).wait_until_finished()
    assert values(machinery, "www", "A") == [(120, ("192.0.2.1",))]


def test_a_zone_file_goes_in_and_comes_out(client: Client, machinery: MemoryMachinery) -> None:
    text = "$TTL 300\n@ IN A 192.0.2.1\nwww IN CNAME example.org.\n@ IN MX 10 mail.example.org.\n"
    zone = make(client)
    zone.import_zonefile(text).wait_until_finished()
    assert values(machinery, "@", "A") == [(300, ("192.0.2.1",))]
    assert values(machinery, "www", "CNAME") == [(300, ("example.org.",))]
    exported = zone.export_zonefile().zonefile
    assert "@ 300 IN MX 10 mail.example.org.\n" in exported
    other = make(client, "example.net", zonefile="www 60 IN A 192.0.2.7\n")
    assert other.get_rrset("www", "A").records[0].value == "192.0.2.7"


@pytest.mark.parametrize("name", ["Example.org", "example.org.", "localhost", "ex ample.org"])
def test_a_bad_zone_name_is_refused(client: Client, name: str) -> None:
    assert code_of(lambda: make(client, name)) == "invalid_input"
