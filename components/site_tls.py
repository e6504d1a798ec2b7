"""Where a site's certificate comes from, as data."""

import dataclasses

import pulumi

from . import names
from .proxies import checks
from .secrets import Secret


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Acme:
    """An authority gives certificates after it has asked over HTTP, and renews them in time."""

    directory: str
    """URL of the ACME directory."""
    email: str
    """Where the authority writes to."""

    def __post_init__(self) -> None:
        """Refuse what no authority would take.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        checks.directory("tls: directory", self.directory)
        checks.email("tls: email", self.email)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ProvidedCertificate:
    """A certificate that somebody else made and renews; several sites may have the same one."""

    name: str
    """Names its files on the host."""
    certificate: pulumi.Input[str]
    """PEM: the site's own certificate, then those between it and the root."""
    key: Secret
    """PEM: its private key, without a password; readable for the proxy alone."""

    def __post_init__(self) -> None:
        """Refuse a name that could be no file's.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        names.check_label("certificate", self.name)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class InternalAuthority:
    """The proxy signs for itself: for names that no public authority can ask about."""


Tls = Acme | ProvidedCertificate | InternalAuthority
"""Where a site's certificate comes from."""
