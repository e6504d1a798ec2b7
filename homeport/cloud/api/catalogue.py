"""What the vendor sells, as data: locations, server types, images, load balancers, storage boxes.

Sizes and places are the vendor's; prices are of their order and only there so that programs which
read prices work.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from homeport.cloud.api.store import Doc

EU = ("fsn1", "nbg1", "hel1")
US = ("ash", "hil")
ASIA = ("sin",)
EVERYWHERE = (*EU, *US, *ASIA)

# id, name, country, city, latitude, longitude, network zone, datacenter id, datacenter
_LOCATIONS = (
    (1, "fsn1", "DE", "Falkenstein", 50.47612, 12.370071, "eu-central", 4, "fsn1-dc14"),
    (2, "nbg1", "DE", "Nuremberg", 49.452102, 11.076665, "eu-central", 2, "nbg1-dc3"),
    (3, "hel1", "FI", "Helsinki", 60.169855, 24.938379, "eu-central", 3, "hel1-dc2"),
    (4, "ash", "US", "Ashburn, VA", 39.045821, -77.487073, "us-east", 5, "ash-dc1"),
    (5, "hil", "US", "Hillsboro, OR", 45.54222, -122.951924, "us-west", 6, "hil-dc1"),
    (6, "sin", "SG", "Singapore", 1.283333, 103.833333, "ap-southeast", 7, "sin-dc1"),
)


@dataclasses.dataclass(frozen=True)
class ServerType:
    """A size of server."""

    id: int
    name: str
    cores: int
    memory: int
    """GB."""
    disk: int
    """GB."""
    euros: float
    """Net price of a month."""
    locations: Sequence[str]
    withdrawn: Sequence[str] = ()
    """Locations where it was sold once."""

    @property
    def architecture(self) -> str:
        """The processor's architecture, as images name it."""
        return "arm" if self.name.startswith("cax") else "x86"

    @property
    def dedicated(self) -> bool:
        """Whether the processors are nobody else's."""
        return self.name.startswith("ccx")


SERVER_TYPES = (
    ServerType(114, "cx23", 2, 4, 40, 2.99, EU),
    ServerType(115, "cx33", 4, 8, 80, 4.99, EU),
    ServerType(116, "cx43", 8, 16, 160, 8.99, EU),
    ServerType(117, "cx53", 16, 32, 320, 16.99, EU),
    ServerType(104, "cx22", 2, 4, 40, 3.29, (), EU),
    ServerType(105, "cx32", 4, 8, 80, 5.99, (), EU),
    ServerType(45, "cax11", 2, 4, 40, 3.29, EU),
    ServerType(93, "cax21", 4, 8, 80, 5.99, EU),
    ServerType(94, "cax31", 8, 16, 160, 11.99, EU),
    ServerType(95, "cax41", 16, 32, 320, 23.99, EU),
    ServerType(22, "cpx11", 2, 2, 40, 4.49, (*US, *ASIA), EU),
    ServerType(23, "cpx21", 3, 4, 80, 8.49, (*US, *ASIA), EU),
    ServerType(24, "cpx31", 4, 8, 160, 15.49, (*US, *ASIA), EU),
    ServerType(25, "cpx41", 8, 16, 240, 28.49, (*US, *ASIA), EU),
    ServerType(26, "cpx51", 16, 32, 360, 59.49, (*US, *ASIA), EU),
    ServerType(109, "cpx22", 2, 4, 80, 5.99, (*EU, *ASIA)),
    ServerType(110, "cpx32", 4, 8, 160, 10.49, (*EU, *ASIA)),
    ServerType(111, "cpx42", 8, 16, 320, 19.49, (*EU, *ASIA)),
    ServerType(112, "cpx52", 12, 24, 480, 27.99, (*EU, *ASIA)),
    ServerType(113, "cpx62", 16, 32, 640, 38.49, (*EU, *ASIA)),
    ServerType(96, "ccx13", 2, 8, 80, 11.99, EVERYWHERE),
    ServerType(97, "ccx23", 4, 16, 160, 23.99, EVERYWHERE),
    ServerType(98, "ccx33", 8, 32, 240, 47.99, EVERYWHERE),
    ServerType(99, "ccx43", 16, 64, 360, 95.99, EVERYWHERE),
    ServerType(100, "ccx53", 32, 128, 600, 191.99, EVERYWHERE),
    ServerType(101, "ccx63", 48, 192, 960, 287.99, EVERYWHERE),
)
_WITHDRAWN = {
    "announced": "2025-10-16T00:00:00+00:00",
    "unavailable_after": "2026-01-01T00:00:00+00:00",
}

# id, name, version; only what a machinery can boot
_IMAGES = ((114690387, "debian-12", "12"), (310557660, "debian-13", "13"))

# id, name, services, targets, connections, certificates, price
_LOAD_BALANCER_TYPES = (
    (1, "lb11", 5, 25, 10_000, 10, 5.39),
    (2, "lb21", 15, 75, 20_000, 25, 16.40),
    (3, "lb31", 30, 150, 40_000, 50, 32.90),
)

# id, name, TB, snapshots, automatic snapshots, subaccounts, price
_STORAGE_BOX_TYPES = (
    (1333, "bx11", 1, 10, 10, 100, 3.20),
    (1334, "bx21", 5, 20, 20, 100, 10.90),
    (1335, "bx31", 10, 30, 30, 100, 20.80),
    (1336, "bx41", 20, 40, 40, 100, 40.60),
)


def price(net: float, digits: int = 4) -> Doc:
    """Return a price with 19 % tax, as texts."""
    return {"net": f"{net:.{digits}f}", "gross": f"{net * 1.19:.{digits}f}"}


def _prices(monthly: float, places: Sequence[str]) -> list[Doc]:
    return [
        {
            "location": place,
            "price_hourly": price(monthly / 624),
            "price_monthly": price(monthly),
            "included_traffic": (20 if place in EU else 1) * 1024**4,
            "price_per_tb_traffic": price(1.0 if place in EU else 7.4),
        }
        for place in places
    ]


LOCATIONS: Sequence[Doc] = [
    {
        "id": number,
        "name": name,
        "description": f"{city} DC Park 1",
        "country": country,
        "city": city,
        "latitude": latitude,
        "longitude": longitude,
        "network_zone": zone,
    }
    for number, name, country, city, latitude, longitude, zone, _, _ in _LOCATIONS
]
_BY_LOCATION: Mapping[str, Doc] = {place["name"]: place for place in LOCATIONS}

IMAGES: Sequence[Doc] = [
    {
        "id": number,
        "type": "system",
        "status": "available",
        "name": name,
        "description": name.replace("-", " ").title(),
        "image_size": None,
        "disk_size": 5,
        "created": "2025-08-12T10:00:00+00:00",
        "created_from": None,
        "bound_to": None,
        "os_flavor": "debian",
        "os_version": version,
        "rapid_deploy": True,
        "protection": {"delete": False},
        "deprecated": None,
        "deprecation": None,
        "deleted": None,
        "labels": {},
        "architecture": "x86",
    }
    for number, name, version in _IMAGES
]


def server_type_document(kind: ServerType) -> Doc:
    """Return a server type as the API shows it."""
    everywhere = [*kind.locations, *kind.withdrawn]
    gone = _WITHDRAWN if not kind.locations else None
    category = "Dedicated" if kind.dedicated else "Shared"
    return {
        "id": kind.id,
        "name": kind.name,
        "description": kind.name.upper().replace("CX", "CX ").replace("CC", "CCX ")[:12].strip(),
        "category": f"{category} vCPU",
        "cores": kind.cores,
        "memory": float(kind.memory),
        "disk": kind.disk,
        "deprecated": gone is not None,
        "deprecation": gone,
        "prices": _prices(kind.euros, everywhere),
        "storage_type": "local",
        "cpu_type": category.lower(),
        "architecture": kind.architecture,
        "included_traffic": 0,
        "locations": [
            {
                "id": _BY_LOCATION[place]["id"],
                "name": place,
                "deprecation": _WITHDRAWN if place in kind.withdrawn else None,
                "available": place in kind.locations,
                "recommended": place in kind.locations,
            }
            for place in everywhere
        ],
    }


SERVER_TYPE_DOCUMENTS: Sequence[Doc] = [server_type_document(kind) for kind in SERVER_TYPES]

DATACENTERS: Sequence[Doc] = [
    {
        "id": number,
        "name": name,
        "description": f"{place} virtual DC",
        "location": _BY_LOCATION[place],
        "server_types": {
            "supported": [kind.id for kind in SERVER_TYPES if place in kind.locations],
            "available": [kind.id for kind in SERVER_TYPES if place in kind.locations],
            "available_for_migration": [
                kind.id for kind in SERVER_TYPES if place in kind.locations
            ],
        },
    }
    for _, place, *_rest, number, name in _LOCATIONS
]

LOAD_BALANCER_TYPES: Sequence[Doc] = [
    {
        "id": number,
        "name": name,
        "description": name.upper(),
        "max_services": services,
        "max_targets": targets,
        "max_connections": connections,
        "max_assigned_certificates": certificates,
        "deprecated": None,
        "prices": _prices(euros, EVERYWHERE),
    }
    for number, name, services, targets, connections, certificates, euros in _LOAD_BALANCER_TYPES
]

STORAGE_BOX_TYPES: Sequence[Doc] = [
    {
        "id": number,
        "name": name,
        "description": name.upper(),
        "size": terabytes * 1024**4,
        "snapshot_limit": snapshots,
        "automatic_snapshot_limit": automatic,
        "subaccounts_limit": accounts,
        "deprecation": None,
        "prices": [
            {
                "location": place,
                "price_hourly": price(euros / 624),
                "price_monthly": price(euros),
                "setup_fee": price(0),
            }
            for place in ("fsn1", "hel1")
        ],
    }
    for number, name, terabytes, snapshots, automatic, accounts, euros in _STORAGE_BOX_TYPES
]


def lookup(docs: Sequence[Doc], id_or_name: int | str) -> Doc | None:
    """Return a catalogue entry by id or name, or None; ids may come as text."""
    return next((doc for doc in docs if str(id_or_name) in (str(doc["id"]), doc["name"])), None)


def server_type(id_or_name: int | str) -> ServerType | None:
    """Return a server type by id or name, or None."""
    return next(
        (kind for kind in SERVER_TYPES if str(id_or_name) in (str(kind.id), kind.name)), None
    )
