"""What holds for every stack that anybody can configure: each yields what breaks it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pulumi

from tests.recorder import Deployment, Record, Secret, reveal

COMMAND = "command:remote:Command"
CONTAINER = "docker:index/container:Container"
Config = dict[str, Any]
Invariant = Callable[[Deployment, Config], Iterator[str]]

_TOOL = re.compile(r"(sudo -n )?/opt/homeport/(?P<system>[a-z0-9-]+)/bin/[a-z]+ (up|down)")
_FILLED = re.compile(r"-[0-9a-f]{8}-volume")
_PUBLIC = {("tcp", "80"), ("tcp", "443"), ("udp", "443"), ("icmp", None)}


def remote_commands_go_through_the_runner(made: Deployment, _: Config) -> Iterator[str]:
    """Each is one tool with its document on standard input, to a pinned host, quietly."""
    for step in made.of_type(COMMAND):
        inputs, options = step.inputs, step.options
        brings_its_tool = step.name.endswith(("-bootstrap", "-account"))
        for verb in ("create", "update", "delete"):
            if verb in inputs and not brings_its_tool and not _TOOL.fullmatch(inputs[verb]):
                yield f"{step.name}: runs {inputs[verb]!r}, which is no tool"
        if inputs.get("logging") != "none" or inputs.get("addPreviousOutputInEnv") is not False:
            yield f"{step.name}: may write what it prints to the log"
        if {"environment", "triggers"} & set(inputs):
            yield f"{step.name}: has an environment or triggers"
        if set(options.custom_timeouts) != {"create", "update", "delete"}:
            yield f"{step.name}: has no time limits"
        connection = inputs["connection"]
        plain = reveal(connection)
        if not isinstance(connection, Secret) or not str(plain.get("hostKey")).startswith("ssh-"):
            yield f"{step.name}: connects without a pinned host key"
        if "proxy" in plain and not str(plain["proxy"].get("hostKey")).startswith("ssh-"):
            yield f"{step.name}: goes through a machine without a pinned host key"


def what_lives_on_a_server_goes_with_it(made: Deployment, _: Config) -> Iterator[str]:
    """Nothing is deleted one by one on a server that is deleted or replaced itself."""
    kinds = (COMMAND, CONTAINER, "docker:index/network:Network", "docker:index/volume:Volume")
    servers = made.of_type("Server")
    for thing in (thing for kind in kinds for thing in made.of_type(kind) if servers):
        goes = any(_goes_with(thing, server, made) for server in servers)
        if not (goes or _works_elsewhere(thing)):
            yield f"{thing.name}: is not deleted and replaced with its server"


def _works_elsewhere(thing: Record) -> bool:
    """Return whether a thing is made in a database server that somebody else runs."""
    return '"service_file"' in str(thing.inputs.get("stdin")) and "delete" in thing.inputs


def _goes_with(thing: Record, server: Record, made: Deployment) -> bool:
    """Return whether a thing goes with the server, itself or with something else on it."""
    carrier = thing.options.deleted_with
    if carrier is None:
        return False
    if carrier == server.urn:
        return carrier in thing.options.replace_with
    carried = made.by_urn(carrier)
    shares_its_end = set(carried.options.replace_with) <= set(thing.options.replace_with)
    return shares_its_end and _goes_with(carried, server, made)


def only_declared_ports_are_open(made: Deployment, config: Config) -> Iterator[str]:
    """The cloud lets in the site and SSH, and SSH only from where it was allowed.

    A server of its own for the database lets in one address besides.
    """
    networks = config.get("server", {}).get("ssh_networks", ["0.0.0.0/0", "::/0"])
    for firewall in made.of_type("hcloud:index/firewall:Firewall"):
        for rule in firewall.inputs["rules"]:
            asked = (rule["protocol"], rule.get("port"))
            if asked == ("tcp", "22"):
                if set(rule["sourceIps"]) != set(networks):
                    yield f"{firewall.name}: lets SSH in from {rule['sourceIps']}"
            elif asked == ("tcp", "5432") and config.get("database_server"):
                if [ip for ip in rule["sourceIps"] if not ip.endswith("/32")]:
                    yield f"{firewall.name}: lets {rule['sourceIps']} in to the database"
            elif asked not in _PUBLIC or rule["direction"] != "in":
                yield f"{firewall.name}: opens {asked}"


def containers_are_confined(made: Deployment, _: Config) -> Iterator[str]:
    """Each has limits, no rights beyond its own, and listens for this machine alone."""
    for container in made.of_type(CONTAINER):
        inputs = container.inputs
        wants = {
            "a memory limit": inputs.get("memory"),
            # That of the journal is the machine's own.
            "a log limit": inputs["logDriver"] == "journald" or inputs["logOpts"].get("max-size"),
            "a restart policy": inputs.get("restart"),
            "a named network": inputs.get("networksAdvanced"),
            "a read-only root": inputs.get("readOnly"),
            "no way to more rights": "no-new-privileges:true" in inputs.get("securityOpts", []),
            "all capabilities dropped": inputs.get("capabilities", {}).get("drops") == ["ALL"],
            "a provider of its host": container.options.provider,
        }
        yield from (f"{container.name}: lacks {what}" for what, has in wants.items() if not has)
        if inputs.get("privileged") or inputs.get("networkMode") == "host":
            yield f"{container.name}: is as powerful as its host"
        for port in inputs.get("ports", []):
            if port.get("ip") != "127.0.0.1":
                yield f"{container.name}: listens on {port}"
        for mount in inputs.get("mounts", []):
            if "docker.sock" in mount["source"]:
                yield f"{container.name}: can command its own host"


def what_is_protected_stays(made: Deployment, config: Config) -> Iterator[str]:
    """What holds data or a name refuses to go where the configuration says so.

    A volume that is named after what fills it goes when that changes: it holds nothing else.
    """
    server = config.get("server", {}).get("protect", False)
    data = config.get("postgres", {}).get("protect", False)
    kinds = {
        "hcloud:index/server:Server": server,
        "hcloud:index/primaryIp:PrimaryIp": server,
        "hcloud:index/volume:Volume": server,
        "docker:index/volume:Volume": data,
    }
    for kind, protect in kinds.items():
        for thing in made.of_type(kind):
            wanted = protect and not _FILLED.search(thing.name)
            if bool(thing.options.protect) != wanted:
                yield f"{thing.name}: protect is {thing.options.protect}, not {wanted}"


def no_private_key_is_shown(made: Deployment, _: Config) -> Iterator[str]:
    """The recorder looks for every known secret; keys are derived, so it cannot know them."""
    for thing in made.resources:
        if "PRIVATE KEY" in repr(thing.inputs) or "PRIVATE KEY" in thing.name:
            yield f"{thing.name}: shows a private key"


def physical_names_are_had_once(made: Deployment, _: Config) -> Iterator[str]:
    """No two things of a kind have one name, no two containers one port."""
    names = Counter((thing.type, name) for thing in made.resources for name in physical(thing))
    yield from (f"{name} is had {count} times" for name, count in names.items() if count > 1)
    ports = Counter(
        port["external"]
        for container in made.of_type(CONTAINER)
        for port in container.inputs.get("ports", [])
    )
    yield from (f"port {port} is had {count} times" for port, count in ports.items() if count > 1)


def components_register_what_they_declare(made: Deployment, _: Config) -> Iterator[str]:
    """What a class says it outputs is what the engine is told."""
    classes = {_token(kind): kind for kind in _subclasses(pulumi.ComponentResource)}
    for thing in (thing for thing in made.resources if not thing.custom):
        declared = _outputs(classes[thing.type.rpartition(":")[2]])
        registered = set(thing.outputs or {})
        if declared - registered:
            yield f"{thing.type}: does not register {sorted(declared - registered)}"
        if extra := registered - set(classes[thing.type.rpartition(":")[2]].__annotations__):
            yield f"{thing.type}: registers {sorted(extra)}, which it does not declare"


def physical(thing: Record) -> Iterator[str]:
    """Return the names under which something is known outside the program."""
    made_here = thing.type.startswith(("docker:", "hcloud:"))
    if made_here and "name" in thing.inputs and not thing.type.startswith("hcloud:index/zone"):
        yield thing.inputs["name"]


def _outputs(kind: type) -> set[str]:
    """Return the annotated names that always hold what the engine can store: no handles."""
    return {
        name
        for name, annotation in kind.__annotations__.items()
        if not name.startswith("_")
        and not {"None", "Optional"} & set(re.findall(r"\w+", str(annotation)))
        and ("Output" in str(annotation) or annotation in (str, int, bool))
    }


def _token(kind: type) -> str:
    return kind.__name__


def _subclasses(parent: type) -> Iterator[type]:
    children: list[type] = parent.__subclasses__()
    for child in children:
        if child.__module__.startswith("components."):
            yield child
        yield from _subclasses(child)


ALL: tuple[Invariant, ...] = (
    remote_commands_go_through_the_runner,
    what_lives_on_a_server_goes_with_it,
    only_declared_ports_are_open,
    containers_are_confined,
    what_is_protected_stays,
    no_private_key_is_shown,
    physical_names_are_had_once,
    components_register_what_they_declare,
)
