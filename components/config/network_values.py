"""Names and addresses as people write them: hosts, networks, mail, registries, authorities."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from .problems import refuse
from .values import Text, distinct

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_HOSTNAME = 253
_LONGEST_LABEL = 63
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@([a-z0-9-]+\.)+[a-z]{2,63}", re.IGNORECASE)


def _hostname(value: str) -> str:  # noqa: PLR0912 (one question a line reads best in one place)
    if "://" in value or "/" in value:
        refuse("is a URL", "give the host name alone, without https:// and path")
    if _is_address(value):
        refuse("is an IP address", "give a DNS name that points to it")
    if "*" in value:
        refuse("is a wildcard", "name each host; wildcards need a DNS challenge")
    if value.endswith("."):
        refuse("ends with a dot", "write the name without the last dot")
    if ":" in value:
        refuse("holds a port", "give the name alone; sites are served on 80 and 443")
    if not value.isascii():
        refuse("holds characters beyond ASCII", f"write it in its DNS form, {_idna(value)}")
    if value != value.lower():
        refuse("holds capital letters", f"write it as {value.lower()}")
    if len(value) > _LONGEST_HOSTNAME:
        refuse(f"is longer than {_LONGEST_HOSTNAME} characters", "DNS allows no longer name")
    labels = value.split(".")
    if len(labels) == 1:
        refuse("has no dot", "give the full name, such as ledger.example.com")
    for label in labels:
        if not label:
            refuse("has an empty part", "put one dot between two parts")
        if len(label) > _LONGEST_LABEL:
            refuse(f"has a part of more than {_LONGEST_LABEL} characters", "shorten it")
        if "_" in label:
            refuse("holds an underscore", "no certificate is given for such a name; use -")
        if not _LABEL.fullmatch(label):
            refuse(
                f"has the part {label!r}",
                "use letters, digits and hyphens, with no hyphen at either end of a part",
            )
    if labels[-1].isdigit():
        refuse("ends with a number", "give a DNS name, such as ledger.example.com")
    return value


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        return False
    return True


def _idna(value: str) -> str:
    try:
        return value.encode("idna").decode()
    except UnicodeError:
        return "xn--…"


Hostname = Annotated[Text, AfterValidator(_hostname)]
"""A full DNS name."""


def _host_address(value: str) -> str:
    if value.count(":") == 1:
        refuse("holds a port", "give the address alone and the port as `port`")
    if "@" in value:
        refuse("holds an account", "give the address alone and the account as `user`")
    if _is_address(value):
        address = ipaddress.ip_address(value.strip("[]"))
        if address.is_unspecified or address.is_multicast:
            refuse("is no address of a machine", "give the one that SSH connects to")
        return str(address)
    return _hostname(value)


HostAddress = Annotated[Text, AfterValidator(_host_address)]
"""An IP address or a DNS name of a machine."""


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        refuse("is no e-mail address", "give one that is read, such as ops@your-domain.com")
    return value


Email = Annotated[Text, AfterValidator(_email)]
"""An e-mail address."""


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        cure = "write it as 198.51.100.0/24, or 198.51.100.7/32 for one address"
        refuse("is no network", cure)
    if "/" not in value:
        refuse("has no prefix length", f"write {network} for this one address")
    if str(network) != value:
        refuse("has bits set beyond its prefix length", f"write {network}")
    if network.version == 4 and 0 < network.prefixlen < 8:
        refuse("is larger than any network", "write 0.0.0.0/0 if everybody is meant")
    return value


Network = Annotated[Text, AfterValidator(_network)]
"""A network in CIDR form."""


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the networks when there is at least one, and none twice."""
    if not values:
        refuse("is empty", "name the networks, or remove the key", show=False)
    return distinct(values)


def _https_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme != "https" or not url.hostname:
        refuse("is no https URL", "write it like https://app.example.com")
    if url.username or url.password:
        refuse("holds credentials", "give the URL without them", show=False)
    if url.query or url.fragment:
        refuse("has a query or a fragment", "give the URL without them")
    return value


HttpsUrl = Annotated[Text, AfterValidator(_https_url)]
"""An https URL."""


def _https_origin(value: str) -> str:
    if "*" in value:
        refuse("is a wildcard", "name each origin: everybody could read what is answered")
    url = urlsplit(_https_url(value))
    if url.path:
        refuse("has a path", f"give the origin alone, {url.scheme}://{url.netloc}")
    if value != value.lower():
        refuse("holds capital letters", f"write it as {value.lower()}")
    _hostname(url.hostname or "")
    return value


HttpsOrigin = Annotated[Text, AfterValidator(_https_origin)]
"""Where a page lives, as browsers call it: https://, a name, and a port if it has one."""


def _sentry_dsn(value: str) -> str:
    url = urlsplit(value)
    project = url.path.rpartition("/")[2]
    if url.scheme != "https" or not url.hostname or not url.username or not project.isdigit():
        cure = "copy it from the project's settings: https://KEY@sentry.example.com/NUMBER"
        refuse("is no DSN of Sentry", cure, show=False)
    if url.password:
        refuse("holds a secret key", "use the DSN of today, which has none", show=False)
    return value


SentryDsn = Annotated[Text, AfterValidator(_sentry_dsn)]
"""Where an app reports its errors; its key is public, since it can only send."""


def _registry(value: str) -> str:
    if "/" in value:
        refuse("is no host name", "give it without https:// and path, such as ghcr.io")
    name, _, port = value.partition(":")
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        refuse("has a bad port", "use 1 to 65535")
    _hostname(name)
    return value


Registry = Annotated[Text, AfterValidator(_registry)]
"""A registry's host name, with its port when it has one."""

AUTHORITIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
"""Certificate authorities by the names that a configuration may use."""


def _directory(value: str) -> str:
    if value in AUTHORITIES:
        return AUTHORITIES[value]
    known = " or ".join(AUTHORITIES)
    url = urlsplit(value)
    if url.scheme == "http":
        refuse("is not https", "an ACME directory is always an https URL")
    if url.scheme != "https" or not url.hostname:
        refuse("is no ACME directory", f"use {known}, or the https URL of another one")
    if url.username or url.password:
        refuse("holds credentials", "give the URL without them")
    return value


Directory = Annotated[Text, AfterValidator(_directory)]
"""The ACME directory of a certificate authority, by name or URL; the URL after reading."""
