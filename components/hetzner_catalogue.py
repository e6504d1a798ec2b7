"""What Hetzner Cloud sells, as far as a preview must know it: sizes, places, systems.

Known at plan time, so that a preview needs no token and refuses what cannot be had. When the vendor
adds a type, it gets a line here.
"""

import dataclasses

EU = ("fsn1", "nbg1", "hel1")
US = ("ash", "hil")
ASIA = ("sin",)
LOCATIONS = (*EU, *US, *ASIA)
"""Every location's name."""

IMAGES = ("debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04")
"""The systems that a server may start with."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ServerType:
    """A size of server."""

    name: str
    """The vendor's name."""
    cores: int
    """Processors."""
    memory_gib: int
    """Memory in GiB."""
    disk_gib: int
    """Disk in GB, as the vendor counts."""
    locations: tuple[str, ...]
    """Where one can be ordered; empty for a type that only still runs."""

    @property
    def architecture(self) -> str:
        """The processor's architecture, as the vendor names it: `x86` or `arm`."""
        return "arm" if self.name.startswith("cax") else "x86"

    @property
    def deprecated(self) -> bool:
        """Whether no new one can be ordered."""
        return not self.locations


_SIZES: tuple[tuple[str, int, int, int, tuple[str, ...]], ...] = (
    ("cx22", 2, 4, 40, ()),
    ("cx32", 4, 8, 80, ()),
    ("cx23", 2, 4, 40, EU),
    ("cx33", 4, 8, 80, EU),
    ("cx43", 8, 16, 160, EU),
    ("cx53", 16, 32, 320, EU),
    ("cax11", 2, 4, 40, EU),
    ("cax21", 4, 8, 80, EU),
    ("cax31", 8, 16, 160, EU),
    ("cax41", 16, 32, 320, EU),
    ("cpx11", 2, 2, 40, (*US, *ASIA)),
    ("cpx21", 3, 4, 80, (*US, *ASIA)),
    ("cpx31", 4, 8, 160, (*US, *ASIA)),
    ("cpx41", 8, 16, 240, (*US, *ASIA)),
    ("cpx51", 16, 32, 360, (*US, *ASIA)),
    ("cpx22", 2, 4, 80, (*EU, *ASIA)),
    ("cpx32", 4, 8, 160, (*EU, *ASIA)),
    ("cpx42", 8, 16, 320, (*EU, *ASIA)),
    ("cpx52", 12, 24, 480, (*EU, *ASIA)),
    ("cpx62", 16, 32, 640, (*EU, *ASIA)),
    ("ccx13", 2, 8, 80, LOCATIONS),
    ("ccx23", 4, 16, 160, LOCATIONS),
    ("ccx33", 8, 32, 240, LOCATIONS),
    ("ccx43", 16, 64, 360, LOCATIONS),
    ("ccx53", 32, 128, 600, LOCATIONS),
    ("ccx63", 48, 192, 960, LOCATIONS),
)

SERVER_TYPES = {
    name: ServerType(name=name, cores=cores, memory_gib=memory, disk_gib=disk, locations=places)
    for name, cores, memory, disk, places in _SIZES
}
"""Every size by name."""


def server_type(name: str) -> ServerType:
    """Return a size by name.

    Raises:
        ValueError: naming the value and what there is.
    """
    if name not in SERVER_TYPES:
        known = ", ".join(kind.name for kind in SERVER_TYPES.values() if not kind.deprecated)
        msg = f"server_type: there is no {name!r}; there are {known}"
        raise ValueError(msg)
    return SERVER_TYPES[name]


def check_place(kind: ServerType, location: str) -> None:
    """Check that a size can be ordered in a location.

    A type that can no longer be ordered passes, because servers of it still run.

    Raises:
        ValueError: naming the value and where it can be had.
    """
    if location not in LOCATIONS:
        msg = f"location: there is no {location!r}; there are {', '.join(LOCATIONS)}"
        raise ValueError(msg)
    if kind.locations and location not in kind.locations:
        places = ", ".join(kind.locations)
        msg = f"location: {kind.name} cannot be had in {location}; it can be in {places}"
        raise ValueError(msg)


def check_image(name: str) -> str:
    """Return `name` when a server may start with that system.

    Raises:
        ValueError: naming the value and what there is.
    """
    if name not in IMAGES:
        msg = f"image: {name!r} is not supported; supported are {', '.join(IMAGES)}"
        raise ValueError(msg)
    return name
