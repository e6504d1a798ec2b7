"""The cloud's DNS server: zones as files, checked before they are served."""

import ipaddress
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from homeport.cloud import docker
from homeport.cloud.contract import MachineryError, RecordSet
from homeport.cloud.instance import Cloud
from homeport.cloud.names import FRONT_NAMES, MANAGED_POSTGRES, NAMESERVERS
from homeport.cloud.passwords import secret_key
from homeport.cloud.templates import render

_lock = threading.RLock()


class Nameserver:
    """Zones of one cloud: those of users, those of its own names, and that of its addresses."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._folder = cloud.folder / "dns"
        self._zones = self._folder / "zones"

    def prepare(self) -> None:
        """Write what the server needs to start; zones that were applied before stay."""
        self._zones.mkdir(parents=True, exist_ok=True)
        key = self._folder / "rndc.key"
        if not key.exists():
            key.write_text(
                f'key "rndc-key" {{ algorithm hmac-sha256; secret "{secret_key()}"; }};\n'
            )
        root = [
            RecordSet(name=f"{n}.", type="A", ttl=60, values=(self._cloud.dns,))
            for n in NAMESERVERS
        ]
        self._write("_root", self._zone(root, 60))
        own = {"_front": self._cloud.front, "_postgres": self._cloud.managed_postgres}
        for file, address in own.items():
            record = RecordSet(name="@", type="A", ttl=60, values=(address,))
            self._write(file, self._zone([record], 60))
        if not (self._zones / "_reverse").exists():
            self._write("_reverse", self._zone([], 60))
        self._configure()

    def apply(self, zone: str, ttl: int, records: tuple[RecordSet, ...]) -> None:
        """Serve a zone with exactly these records.

        Raises:
            MachineryError: When the server refuses a record, with its words.
        """
        with _lock:
            zone = zone.rstrip(".")
            before = self._path(zone).read_text() if self._path(zone).exists() else None
            self._write(zone, self._zone(records, ttl))
            try:
                self._run("named-checkzone", "-q", "-k", "ignore", zone, f"/cloud/dns/zones/{zone}")
            except MachineryError:
                text = self._why(zone)
                self._restore(zone, before)
                msg = f"the DNS server refuses zone {zone}: {text}"
                raise MachineryError(msg) from None
            self._configure()
            if before is None:
                self._run("rndc", *self._rndc(), "reconfig")
            else:
                self._run("rndc", *self._rndc(), "reload", zone)

    def remove(self, zone: str) -> None:
        """Stop serving a zone; one that is not served is no error."""
        with _lock:
            self._path(zone.rstrip(".")).unlink(missing_ok=True)
            self._configure()
            self._run("rndc", *self._rndc(), "reconfig")

    def set_reverse(self, address: ipaddress.IPv4Address, name: str | None) -> None:
        """Set or remove the name of one of the cloud's addresses."""
        with _lock:
            path = self._folder / "reverse.json"
            names: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
            names.pop(str(address), None)
            if name is not None:
                names[str(address)] = name.rstrip(".") + "."
            path.write_text(json.dumps(names, indent=2, sort_keys=True))
            records = [
                RecordSet(
                    name=f"{ipaddress.ip_address(a).reverse_pointer}.",
                    type="PTR",
                    ttl=60,
                    values=(n,),
                )
                for a, n in names.items()
            ]
            self._write("_reverse", self._zone(records, 60))
            self._run("rndc", *self._rndc(), "reload", self._reverse)

    @property
    def _reverse(self) -> str:
        """The reverse zone of a /24."""
        first = self._cloud.public_network.network_address.reverse_pointer
        return first.split(".", 1)[1]

    def _path(self, zone: str) -> Path:
        return self._zones / zone

    def _write(self, zone: str, text: str) -> None:
        self._path(zone).write_text(text)

    def _restore(self, zone: str, before: str | None) -> None:
        if before is None:
            self._path(zone).unlink()
        else:
            self._write(zone, before)

    def _zone(self, records: Sequence[RecordSet], ttl: int) -> str:
        serial = int(time.time())
        return render(
            "zone.j2", ttl=ttl, negative=60, serial=serial, nameservers=NAMESERVERS, records=records
        )

    def _configure(self) -> None:
        zones = sorted(path.name for path in self._zones.iterdir() if not path.name.startswith("_"))
        services = [name for name in FRONT_NAMES if name not in zones]
        text = render(
            "named.conf.j2",
            reverse=self._reverse,
            postgres=MANAGED_POSTGRES,
            services=services,
            zones=zones,
        )
        (self._folder / "named.conf").write_text(text)

    def _why(self, zone: str) -> str:
        argv = ("named-checkzone", "-k", "ignore", zone, f"/cloud/dns/zones/{zone}")
        try:
            return self._run(*argv)
        except MachineryError as error:
            return str(error).split("failed:", 1)[-1].strip()

    def _rndc(self) -> tuple[str, ...]:
        return ("-k", "/cloud/dns/rndc.key", "-s", "127.0.0.1")

    def _run(self, *argv: str) -> str:
        return docker.run("exec", self._cloud.named("dns"), *argv)
