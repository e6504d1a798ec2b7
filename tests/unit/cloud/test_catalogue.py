import base64
import warnings

import pytest
from hcloud import Client

from homeport.cloud.api import catalogue
from tests.unit.cloud.orders import EU, KEY, code_of
from tests.unit.cloud.service import Service


def test_the_places_are_the_vendor_s(client: Client) -> None:
    names = [place.name for place in client.locations.get_all()]
    assert names == ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"]
    assert client.locations.get_by_name("hel1").network_zone == "eu-central"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert client.datacenters.get_by_name("nbg1-dc3").location.name == "nbg1"


def test_server_types_have_sizes_prices_and_places(client: Client) -> None:
    small = client.server_types.get_by_name("cx23")
    assert (small.cores, small.memory, small.disk, small.architecture) == (2, 4.0, 40, "x86")
    assert [place.location.name for place in small.locations] == ["fsn1", "nbg1", "hel1"]
    assert {price["location"] for price in small.prices} == {"fsn1", "nbg1", "hel1"}
    assert client.server_types.get_by_id(small.id).name == "cx23"
    assert client.server_types.get_by_name("cax11").architecture == "arm"
    old = client.server_types.get_by_name("cx22")
    assert {place.deprecation.unavailable_after.year for place in old.locations} == {2026}


def test_only_images_that_can_be_served_are_listed(client: Client) -> None:
    assert [image.name for image in client.images.get_all()] == ["debian-12", "debian-13"]
    assert client.images.get_by_name_and_architecture("debian-12", "x86").os_version == "12"
    assert client.images.get_by_name_and_architecture("debian-12", "arm") is None
    assert client.isos.get_all() == []


def test_balancers_and_boxes_have_types(client: Client) -> None:
    assert client.load_balancer_types.get_by_name("lb11").max_services == 5
    assert client.storage_box_types.get_by_name("bx11").size == 1024**4


def test_the_catalogue_does_not_contradict_itself() -> None:
    for docs in (catalogue.SERVER_TYPE_DOCUMENTS, catalogue.IMAGES, catalogue.LOCATIONS):
        assert len({doc["id"] for doc in docs}) == len({doc["name"] for doc in docs}) == len(docs)
    for kind in catalogue.SERVER_TYPES:
        assert not set(kind.locations) & set(kind.withdrawn)
        assert set(kind.locations) <= set(catalogue.EVERYWHERE)


def test_prices_are_listed(service: Service) -> None:
    with service.http() as http:
        pricing = http.get("/v1/pricing").json()["pricing"]
    assert pricing["currency"] == "EUR"
    names = {item["name"] for item in pricing["server_types"]}
    assert {"cx23", "cax11", "ccx13"} <= names


def make_keys(client: Client, count: int) -> None:
    for number in range(count):
        blob = base64.b64decode(KEY.split()[1])[:-1] + bytes([number])
        text = f"ssh-ed25519 {base64.b64encode(blob).decode()}"
        client.ssh_keys.create(
            name=f"key-{number:02}", public_key=text, labels={"n": str(number % 3)}
        )


def test_lists_come_in_pages(service: Service, client: Client) -> None:
    make_keys(client, 30)
    assert len(client.ssh_keys.get_all()) == 30
    with service.http() as http:
        document = http.get("/v1/ssh_keys", params={"page": 2, "per_page": 10}).json()
    assert document["ssh_keys"][0]["name"] == "key-10"
    assert document["meta"]["pagination"] == {
        "page": 2,
        "per_page": 10,
        "previous_page": 1,
        "next_page": 3,
        "last_page": 3,
        "total_entries": 30,
    }


def test_lists_are_sorted_and_filtered(service: Service, client: Client) -> None:
    make_keys(client, 6)
    with service.http() as http:

        def names(**params: object) -> list[str]:
            found = http.get("/v1/ssh_keys", params=params).json()["ssh_keys"]
            return [key["name"][-1] for key in found]

        assert names(sort="name:desc") == list("543210")
        assert names(name="key-03") == ["3"]
        assert names(label_selector="n=1") == ["1", "4"]
        assert names(label_selector="n!=1", sort="id:desc") == list("5320")
        assert names(label_selector="n in (0,2)") == list("0235")
        assert names(label_selector="n notin (0,2),n") == ["1", "4"]
        assert names(label_selector="!n") == []
        for bad in ({"sort": "colour"}, {"page": 0}, {"per_page": "x"}, {"label_selector": "a b"}):
            answer = http.get("/v1/ssh_keys", params=bad)
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_input")


def test_a_key_is_there_once_and_must_be_one(client: Client) -> None:
    key = client.ssh_keys.create(name="me", public_key=KEY)
    assert key.fingerprint.count(":") == 15
    assert client.ssh_keys.get_by_fingerprint(key.fingerprint).id == key.id
    again = lambda: client.ssh_keys.create(name="again", public_key=KEY)  # noqa: E731
    assert code_of(again) == "uniqueness_error"
    for text in ("", "ssh-ed25519 AAAA", "ssh-rsa nonsense", "hello world"):
        wrong = lambda text=text: client.ssh_keys.create(name="x", public_key=text)  # noqa: E731
        assert code_of(wrong) == "invalid_input"
    assert key.update(name="other", labels={"a": "b"}).name == "other"
    assert key.delete()
    assert client.ssh_keys.get_all() == []


@pytest.mark.parametrize(
    ("labels", "fine"),
    [
        ({"env": "prod"}, True),
        ({"example.org/env": ""}, True),
        ({"a" * 63: "b" * 63}, True),
        ({"a" * 64: "b"}, False),
        ({"a": "b" * 64}, False),
        ({"": "b"}, False),
        ({"a/": "b"}, False),
        ({"a": "-b"}, False),
        ({"hetzner.cloud/x": "b"}, False),
    ],
)
def test_labels_are_checked(client: Client, labels: dict[str, str], fine: bool) -> None:
    make = lambda: client.primary_ips.create(  # noqa: E731
        name="x", type="ipv4", location=EU, labels=labels, auto_delete=False
    )
    if fine:
        assert make().primary_ip.labels == labels
    else:
        assert code_of(make) == "invalid_input"
