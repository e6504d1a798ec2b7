"""A container that is as another one, but for its image: what Docker is told to make.

Docker shows a container's settings mixed with those of its image. What the image said is taken out
again, so that the next image can say it anew: its version, its command, its health check.
"""

from typing import Any

Settings = dict[str, Any]

MARK = "homeport.upgrade"
"""The label of what an upgrade made: its value is the upgrade's name."""
OWN = ("Hostname", "Domainname", "Image", "MacAddress", "OnBuild", "ArgsEscaped")
SIMPLE_NETWORKS = ("default", "bridge")


def successor(
    old: Settings,
    own: Settings,
    image: str,
    *,
    upgrade: str,
    environment: "dict[str, str] | None" = None,
    volumes: "dict[str, str] | None" = None,
    network: str = "",
    closed: bool = False,
) -> Settings:
    """Return what Docker is told.

    Args:
        old: the container, as Docker shows it.
        own: the settings of its image.
        image: the new image.
        upgrade: the name for the mark.
        environment: variables that change; an empty one goes.
        volumes: what is mounted in the place of a volume or folder.
        network: the only one that it is in; empty: the old one's.
        closed: whether nobody is to reach it by port, name or after a restart of the machine.
    """
    config = {k: v for k, v in difference(old["Config"], own).items() if k not in OWN}
    given = old["Config"].get("Hostname") or ""
    if given and not old["Id"].startswith(given):
        config["Hostname"] = given
    config["Image"] = image
    config["Env"] = changed(config.get("Env") or [], environment or {})
    config["Labels"] = {**(config.get("Labels") or {}), MARK: upgrade}
    host = mounted(old, volumes or {})
    host["AutoRemove"] = False
    if network:
        host["NetworkMode"] = network
    if closed:
        host |= {"PortBindings": {}, "PublishAllPorts": False, "RestartPolicy": {"Name": "no"}}
        config.pop("ExposedPorts", None)
    first = first_network(old)
    points: Settings = {} if closed or not first else {first: endpoint(old, first)}
    if network:
        points = {network: {"Aliases": names_of(old)}}
    return {**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": points}}


def difference(config: Settings, own: Settings) -> Settings:
    """Return the settings that are not the image's."""
    kept: Settings = {}
    for key, value in config.items():
        theirs = own.get(key)
        if key == "Env":
            kept[key] = [each for each in value or [] if each not in (theirs or [])]
        elif isinstance(value, dict) and isinstance(theirs, dict) and key != "Healthcheck":
            kept[key] = {k: v for k, v in value.items() if (k, v) not in theirs.items()}
        elif value != theirs:
            kept[key] = value
    return kept


def changed(env: "list[str]", environment: "dict[str, str]") -> "list[str]":
    """Return the variables with some of them changed."""
    kept = [each for each in env if each.partition("=")[0] not in environment]
    return [*kept, *(f"{key}={value}" for key, value in environment.items() if value)]


def mounted(old: Settings, instead: "dict[str, str]") -> Settings:
    """Return the host's settings; volumes that only the image asked for are named, too."""
    host = dict(old["HostConfig"])
    mounts = [dict(each) for each in host.get("Mounts") or []]
    for each in mounts:
        each["Source"] = instead.get(each.get("Source", ""), each.get("Source", ""))
        if each["Source"] and not each["Source"].startswith("/"):
            each["Type"] = "volume"
    binds = []
    for bind in host.get("Binds") or []:
        source, colon, rest = bind.partition(":")
        binds.append(f"{instead.get(source, source)}{colon}{rest}")
    said = {each.get("Target") for each in mounts} | {each.split(":")[1] for each in binds}
    for mount in old.get("Mounts") or []:
        if mount["Type"] == "volume" and mount["Destination"] not in said:
            name = mount["Name"]
            binds.append(f"{instead.get(name, name)}:{mount['Destination']}")
    return {**host, "Binds": binds, "Mounts": mounts}


def first_network(old: Settings) -> str:
    """Return the network that a container is made in."""
    mode: str = old["HostConfig"].get("NetworkMode") or "default"
    return "" if mode in SIMPLE_NETWORKS else mode


def endpoint(old: Settings, network: str) -> Settings:
    """Return how a container is in a network: its other names there, and a fixed address."""
    found = (old["NetworkSettings"]["Networks"] or {}).get(network) or {}
    names = [each for each in found.get("Aliases") or [] if not old["Id"].startswith(each)]
    fixed = found.get("IPAMConfig")
    return {**({"Aliases": names} if names else {}), **({"IPAMConfig": fixed} if fixed else {})}


def names_of(old: Settings) -> "list[str]":
    """Return every name by which others may call a container."""
    found = {old["Name"].lstrip("/")}
    for network in old["NetworkSettings"]["Networks"] or {}:
        found |= set(endpoint(old, network).get("Aliases", []))
    return sorted(found)


def data_of(old: Settings) -> "dict[str, str]":
    """Return where a container keeps what it writes: volumes and folders of the host."""
    found = {}
    for mount in old.get("Mounts") or []:
        if mount.get("RW") and mount["Type"] in ("volume", "bind"):
            name = mount["Name"] if mount["Type"] == "volume" else mount["Source"]
            found[str(name)] = str(mount["Source"])
    return found


def variables(old: Settings) -> "dict[str, str]":
    """Return the environment of a container."""
    pairs = (each.partition("=") for each in old["Config"].get("Env") or [])
    return {name: value for name, _, value in pairs}
