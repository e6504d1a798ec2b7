"""What may stand in a proxy's configuration: everything that a person wrote passes through here.

The checks are strict allow-lists, so that no value can end a quoted text, begin a directive or name
a placeholder. `components.config` explains the same mistakes in more detail to whoever writes a
stack file; here they are refused whoever made them.
"""

import ipaddress
import re

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_LONGEST_HOSTNAME = 253
_PATH = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}(?:/[A-Za-z0-9._~-]*)*")
_FOLDER = re.compile(r"(/[A-Za-z0-9._-]+)+")
_UPSTREAM = re.compile(rf"https?://(?:{_LABEL}\.)*{_LABEL}(?::[0-9]{{1,5}})?")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_USERNAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_DIRECTORY = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]*)*")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_HASH = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")
_FORBIDDEN = "`{}"


def text(where: str, value: str) -> str:
    """Return a text that each proxy can quote: in a Caddyfile backticks know no escapes.

    Raises:
        ValueError: it holds a backtick, a brace (placeholders), or anything but printable ASCII.
    """
    if not (value.isascii() and value.isprintable()) or any(c in value for c in _FORBIDDEN):
        msg = f"{where}: use printable ASCII without backticks and braces (got {value!r})"
        raise ValueError(msg)
    return value


def number(where: str, value: int, least: int, most: int) -> int:
    """Return a number within its bounds.

    Raises:
        ValueError: naming the place, the bounds and the value.
    """
    if not least <= value <= most:
        msg = f"{where} must be from {least} to {most} (got {value})"
        raise ValueError(msg)
    return value


def hostname(where: str, value: str) -> str:
    """Return a full DNS name in lower case; no wildcard, port, or address.

    Raises:
        ValueError: naming the place, the rule and the value.
    """
    rule = "must be a full DNS name in lower case, such as ledger.example.com"
    if len(value) > _LONGEST_HOSTNAME:
        msg = f"{where}: must have at most {_LONGEST_HOSTNAME} characters (got {len(value)})"
        raise ValueError(msg)
    return _matching(_HOSTNAME, where, value, rule)


def pattern(where: str, value: str) -> str:
    """Return a full DNS name, `*.` and one for all names one level below it, or `*` for any.

    Raises:
        ValueError: naming the place, the rule and the value.
    """
    if value != "*":
        hostname(where, value.removeprefix("*."))
    return value


def path(where: str, value: str) -> str:
    """Return a path that begins with a slash and, but for `/` itself, does not end with one."""
    rule = "must begin with / and not end with it, plain characters only, such as /api"
    if ".." in value.split("/"):
        msg = f"{where}: must not hold .. (got {value!r})"
        raise ValueError(msg)
    return _matching(_PATH, where, value, rule)


def folder(where: str, value: str) -> str:
    """Return an absolute path of plain characters."""
    return _matching(_FOLDER, where, value, "must be an absolute path, such as /srv/www")


def upstream(where: str, value: str) -> str:
    """Return the URL of another server: scheme, name or IPv4 address, and perhaps a port."""
    rule = "must be http:// or https:// with a host and no path, such as https://api.example.com"
    return _matching(_UPSTREAM, where, value, rule)


def server(where: str, value: str) -> str:
    """Return the address of a server, or its full DNS name."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return hostname(where, value)


def loopback(where: str, value: str) -> str:
    """Return a URL that stays on the host."""
    rule = "must be a URL of the host's loopback, such as http://127.0.0.1:9000/allowed"
    return _matching(_LOOPBACK, where, value, rule)


def header(where: str, value: str) -> str:
    """Return the name of a header."""
    return _matching(_HEADER, where, value, "must be a header's name: letters, digits and hyphens")


def username(where: str, value: str) -> str:
    """Return an account name for basic authentication."""
    return _matching(_USERNAME, where, value, "use 1 to 64 letters, digits and . _ @ -")


def directory(where: str, value: str) -> str:
    """Return the URL of an ACME directory."""
    return _matching(_DIRECTORY, where, value, "must be the https URL of an ACME directory")


def email(where: str, value: str) -> str:
    """Return an e-mail address."""
    return _matching(_EMAIL, where, value, "must be an e-mail address")


def network(where: str, value: str) -> str:
    """Return an address or network in its usual form.

    Raises:
        ValueError: naming the place, the rule and the value.
    """
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        msg = f"{where}: must be an address or a network such as 192.0.2.0/24: {error}"
        raise ValueError(msg) from None


def password_hash(where: str, value: str) -> str:
    """Return a bcrypt hash; an error does not show what was given."""
    if not _HASH.fullmatch(value):
        msg = f"{where}: is no bcrypt hash"
        raise ValueError(msg)
    return value


def _matching(pattern: re.Pattern[str], where: str, value: str, rule: str) -> str:
    if not pattern.fullmatch(value):
        msg = f"{where}: {rule} (got {value!r})"
        raise ValueError(msg)
    return value
