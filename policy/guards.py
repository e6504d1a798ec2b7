"""Rules for single resources of any stack: each yields what is wrong, why, and what to do instead.

A rule sees a resource's type and its properties, as the provider names them; secrets are in clear,
so no rule repeats a value that could hold one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Props = Mapping[str, Any]
Rule = Callable[[str, Props], Iterator[str]]

CONTAINER = "docker:index/container:Container"
SERVICE = "docker:index/service:Service"
FIREWALL = "hcloud:index/firewall:Firewall"
REMOTE = "command:remote:"

PUBLIC_PORTS = frozenset({"22", "80", "443"})
"""What everybody may reach on a server."""
EVERYBODY = frozenset({"0.0.0.0/0", "::/0"})
LOOPBACK = ("127.0.0.1", "::1")

_IN_COMMAND = re.compile(
    r"PRIVATE KEY-----"
    r"|://[^/\s:@]+:[^/\s@$]+@"
    r"|(password|passwd|secret|token|api_?key)['\"]?\s*[=:]\s*['\"]?[^\s'\"$<(]{6,}"
    r"|--?(password|token|secret)[ =]['\"]?[^\s'\"$<-][^\s'\"]{5,}"
    r"|Authorization:\s*(Bearer|Basic)\s+[^\s$]{6,}",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY)(_|$)", re.IGNORECASE
)


def containers_listen_for_their_host_alone(kind: str, props: Props) -> Iterator[str]:
    """A container's port is reached through the reverse proxy."""
    if kind == CONTAINER:
        if props.get("networkMode") == "host":
            yield (
                "network_mode is host, so that it listens wherever it likes: give it a network, "
                "and publish its port on 127.0.0.1"
            )
        for port in props.get("ports") or []:
            if port.get("ip") not in LOOPBACK:
                yield (
                    f"port {port.get('external', port.get('internal'))} is published to everybody, "
                    "past the host's firewall: set ip to 127.0.0.1, and let the proxy serve it"
                )
    if kind == SERVICE and (props.get("endpointSpec") or {}).get("ports"):
        yield "publishes ports on every machine of the swarm: let the proxy serve it"


def containers_are_not_root_of_their_host(kind: str, props: Props) -> Iterator[str]:
    """Who breaks out of a container's app is not yet on the host."""
    if kind != CONTAINER:
        return
    if props.get("privileged"):
        yield "is privileged, which is root on the host: name the capabilities that it needs"
    sources = [mount.get("source") or "" for mount in props.get("mounts") or []]
    sources += [volume.get("hostPath") or "" for volume in props.get("volumes") or []]
    if any(source.endswith("docker.sock") for source in sources):
        yield "gets the Docker socket, which is root on the host: do without"


def containers_name_their_image(kind: str, props: Props) -> Iterator[str]:
    """Two runs of one program start the same thing."""
    image = str(props.get("image", ""))
    named = image.startswith("sha256:") or "@sha256:" in image
    if kind == CONTAINER and not named:
        tag = image.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield "does not say which version of its image: add a tag (not latest) or a digest"


def containers_get_secrets_as_files(kind: str, props: Props) -> Iterator[str]:
    """A secret in an environment is shown by `docker inspect` and kept in the state."""
    if kind != CONTAINER:
        return
    for entry in props.get("envs") or []:
        name = str(entry).partition("=")[0]
        if _SECRET_NAME.search(name) and not name.endswith(("_FILE", "_PATH")):
            yield f"the environment holds {name}: give it as a file, with {name}_FILE to name it"


def remote_commands_pin_the_host_key(kind: str, props: Props) -> Iterator[str]:
    """Nobody between here and the host can stand in for it."""
    if not kind.startswith(REMOTE):
        return
    connection = props["connection"]
    if not connection.get("hostKey"):
        yield "connects to whoever answers: set connection.host_key"
    proxy = connection.get("proxy")
    if proxy and not proxy.get("hostKey"):
        yield "goes through whoever answers: set connection.proxy.host_key"


def commands_hold_no_secret(kind: str, props: Props) -> Iterator[str]:
    """A command's text stands in plans, errors, logs and process lists."""
    if not kind.startswith("command:"):
        return
    for name in ("create", "update", "delete", "triggers", "environment"):
        if _IN_COMMAND.search(str(_plain(props.get(name)) or "")):
            yield f"{name} seems to hold a secret: pass it on standard input (stdin)"


def firewalls_open_what_is_public(kind: str, props: Props) -> Iterator[str]:
    """Everybody reaches SSH and the web, nothing else."""
    if kind != FIREWALL:
        return
    for rule in props.get("rules") or []:
        everybody = EVERYBODY & set(rule.get("sourceIps") or [])
        with_ports = rule.get("protocol") in ("tcp", "udp")
        if rule.get("direction") == "in" and everybody and with_ports:
            port = str(rule.get("port"))
            if port not in PUBLIC_PORTS:
                yield (
                    f"opens port {port} to everybody: name the networks that need it, or let the "
                    f"proxy serve it; public are {', '.join(sorted(PUBLIC_PORTS, key=int))}"
                )


def _plain(value: Any) -> Any:  # noqa: ANN401 (a property may be anything)
    """Return lists and objects as such, out of the engine's wrappers."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


RULES: tuple[Rule, ...] = (
    containers_listen_for_their_host_alone,
    containers_are_not_root_of_their_host,
    containers_name_their_image,
    containers_get_secrets_as_files,
    remote_commands_pin_the_host_key,
    commands_hold_no_secret,
    firewalls_open_what_is_public,
)

_LASTING = (
    "hcloud:index/server:Server",
    "hcloud:index/primaryIp:PrimaryIp",
    "hcloud:index/volume:Volume",
)


def protection_is_whole(resources: Mapping[str, tuple[str, bool]]) -> Iterator[tuple[str, str]]:
    """A protected server whose address or volume is not is no protected server.

    Args:
        resources: type and `protect` by URN.

    Yields:
        The URN of an unprotected resource, and what is wrong with it.
    """
    lasting = {urn: found for urn, found in resources.items() if found[0] in _LASTING}
    if any(protect for _, protect in lasting.values()):
        for urn, (_, protect) in lasting.items():
            if not protect:
                yield (
                    urn,
                    "is not protected, though others of server, address and volume are: set "
                    "protect on it, or on none of them",
                )
