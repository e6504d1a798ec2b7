"""Routes of everything that is only read: the catalogue and the prices."""

from collections.abc import Callable, Mapping, Sequence

from homeport.cloud.api import catalogue, errors
from homeport.cloud.api.catalogue import EVERYWHERE, price
from homeport.cloud.api.listing import page
from homeport.cloud.api.routing import Call, Reply, Routes
from homeport.cloud.api.store import Doc

_Filters = Mapping[str, Callable[[Doc], object]]


def _read_only(plural: str, docs: Sequence[Doc], filters: _Filters | None = None) -> Routes:
    routes = Routes(f"/{plural}")
    singular = plural.removesuffix("s")

    @routes.add("GET", "")
    def list_all(call: Call) -> Reply:
        by = {"name": lambda doc: doc["name"], **(filters or {})}
        found, meta = page(call.query, docs, ("id", "name", "created"), by)
        return Reply({plural: found, **meta})

    @routes.add("GET", "/{id}")
    def get(call: Call) -> Reply:
        found = [doc for doc in docs if doc["id"] == call.number()]
        if not found:
            raise errors.not_found(singular, call.path["id"])
        return Reply({singular: found[0]})

    return routes


_IMAGE_FILTERS: _Filters = {
    "architecture": lambda image: image["architecture"],
    "type": lambda image: image["type"],
    "status": lambda image: image["status"],
}

pricing = Routes("/pricing")


@pricing.add("GET", "")
def prices(_call: Call) -> Reply:
    """Answer with one list of all prices."""
    address = [
        {"location": place, "price_hourly": price(0.0008), "price_monthly": price(0.5)}
        for place in EVERYWHERE
    ]
    floating = [{"location": place, "price_monthly": price(3.0)} for place in EVERYWHERE]
    return Reply(
        {
            "pricing": {
                "currency": "EUR",
                "vat_rate": "19.000000",
                "image": {"price_per_gb_month": price(0.011)},
                "floating_ip": {"price_monthly": price(3.0)},
                "floating_ips": [{"type": "ipv4", "prices": floating}],
                "primary_ips": [{"type": "ipv4", "prices": address}],
                "traffic": {"price_per_tb": price(0)},
                "server_backup": {"percentage": "20.000000"},
                "server_types": _named_prices(catalogue.SERVER_TYPE_DOCUMENTS),
                "load_balancer_types": _named_prices(catalogue.LOAD_BALANCER_TYPES),
                "volume": {"price_per_gb_month": price(0.044)},
            }
        }
    )


def _named_prices(docs: Sequence[Doc]) -> list[Doc]:
    return [{field: doc[field] for field in ("id", "name", "prices")} for doc in docs]


ROUTES = (
    _read_only("locations", catalogue.LOCATIONS),
    _read_only("datacenters", catalogue.DATACENTERS),
    _read_only("server_types", catalogue.SERVER_TYPE_DOCUMENTS),
    _read_only("images", catalogue.IMAGES, _IMAGE_FILTERS),
    _read_only("isos", ()),
    _read_only("load_balancer_types", catalogue.LOAD_BALANCER_TYPES),
    _read_only("storage_box_types", catalogue.STORAGE_BOX_TYPES),
    _read_only("floating_ips", ()),
    pricing,
)
