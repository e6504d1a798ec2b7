"""Locations as resources refer to them."""

from homeport.cloud.api import catalogue, errors
from homeport.cloud.api.store import Doc


def require_location(name: str | int, field: str = "location") -> Doc:
    """Return a location by name or id.

    Raises:
        ApiError: `invalid_input`.
    """
    found = catalogue.lookup(catalogue.LOCATIONS, name)
    if found is None:
        raise errors.invalid(field, f"location '{name}' not found")
    return found


def choose_location(location: str | None, datacenter: str | None, fallback: str | None) -> Doc:
    """Return the location that a request names, in either of the vendor's two ways.

    Raises:
        ApiError: `invalid_input` when it names none that exists.
    """
    if location:
        return require_location(location)
    if datacenter:
        return require_location(datacenter.partition("-")[0], "datacenter")
    if fallback:
        return require_location(fallback)
    raise errors.invalid("location", "is required")


def location(name: str) -> Doc:
    """Return a location that a document names, as the API shows it."""
    return require_location(name)
