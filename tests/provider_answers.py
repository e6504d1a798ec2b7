"""What the providers would answer: realistic outputs, the same for the same name every time."""

import base64
import dataclasses
import hashlib
import string
from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The identifier and the outputs beyond the inputs; names in `secret` are marked as secret."""

    id: str
    outputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    secret: frozenset[str] = frozenset()


def number(name: str) -> int:
    """Return a number as the cloud gives them: seven digits."""
    return 1_000_000 + int(_hex(name, 4), 16) % 9_000_000


def ipv4(name: str) -> str:
    """Return an address of a range that is kept for documentation."""
    return f"203.0.113.{int(_hex(name, 2), 16) % 250 + 2}"


def ipv6_network(name: str) -> str:
    """Return a /64 of the range that is kept for documentation."""
    return f"2001:db8:{_hex(name, 2)}:{_hex(name + '6', 2)}::"


def image_id(name: str) -> str:
    """Return what a container engine calls an image."""
    return f"sha256:{_hex(name, 32)}"


def _hex(name: str, length: int) -> str:
    return _bytes(name, length).hex()


def _bytes(name: str, length: int) -> bytes:
    return hashlib.shake_256(name.encode()).digest(length)


def _letters(name: str, length: int) -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(alphabet[byte % len(alphabet)] for byte in _bytes(f"letters {name}", length))


def _numbered(name: str, _: Inputs) -> Answer:
    return Answer(str(number(name)))


def _server(name: str, inputs: Inputs) -> Answer:
    address = ipv4(name)
    outputs = {
        "ipv4Address": address,
        "ipv6Address": f"{ipv6_network(name)}1",
        "ipv6Network": f"{ipv6_network(name)}/64",
        "status": "running",
        "name": inputs.get("name", f"{name}-1a2b3c4"),
        "location": inputs.get("location", "fsn1"),
        "primaryDiskSize": 40,
        "backupWindow": "",
    }
    return Answer(str(number(name)), outputs)


def _primary_ip(name: str, inputs: Inputs) -> Answer:
    six = inputs.get("type") == "ipv6"
    outputs = {
        "ipAddress": f"{ipv6_network(name)}1" if six else ipv4(name),
        "ipNetwork": f"{ipv6_network(name)}/64" if six else "",
        "assigneeId": inputs.get("assigneeId", 0),
        "deleteProtection": inputs.get("deleteProtection", False),
    }
    return Answer(str(number(name)), outputs)


def _ssh_key(name: str, _: Inputs) -> Answer:
    pairs = _hex(name, 16)
    fingerprint = ":".join(pairs[i : i + 2] for i in range(0, 32, 2))
    return Answer(str(number(name)), {"fingerprint": fingerprint})


def _hcloud_volume(name: str, _: Inputs) -> Answer:
    identifier = str(number(name))
    device = f"/dev/disk/by-id/scsi-0HC_Volume_{identifier}"
    return Answer(identifier, {"linuxDevice": device})


def _load_balancer(name: str, _: Inputs) -> Answer:
    outputs = {"ipv4": ipv4(name), "ipv6": f"{ipv6_network(name)}1"}
    return Answer(str(number(name)), outputs)


def _zone(name: str, inputs: Inputs) -> Answer:
    nameservers = {
        "assigneds": ["hydrogen.ns.hetzner.com.", "oxygen.ns.hetzner.com."],
        "delegateds": [],
        "delegationStatus": "unknown",
    }
    outputs = {
        "name": inputs["name"],
        "registrar": "other",
        "recordCount": 0,
        "authoritativeNameservers": nameservers,
    }
    return Answer(str(number(name)), outputs)


def _rrset(_: str, inputs: Inputs) -> Answer:
    return Answer(f"{inputs['name']}/{inputs['type']}", {"changeProtection": False})


def _docker_object(name: str, inputs: Inputs) -> Answer:
    return Answer(_hex(name, 32), {"name": inputs.get("name", f"{name}-1a2b3c4")})


def _docker_volume(name: str, inputs: Inputs) -> Answer:
    volume = str(inputs.get("name", f"{name}-1a2b3c4"))
    return Answer(volume, {"mountpoint": f"/var/lib/docker/volumes/{volume}/_data"})


def _container(name: str, inputs: Inputs) -> Answer:
    identifier = _hex(name, 32)
    outputs = {
        "name": inputs.get("name", f"{name}-1a2b3c4"),
        "hostname": inputs.get("hostname", identifier[:12]),
        "exitCode": 0,
        "containerLogs": "",
        "networkDatas": [],
    }
    return Answer(identifier, outputs)


def _docker_image(name: str, inputs: Inputs) -> Answer:
    repository = str(inputs["name"]).split("@")[0].rsplit(":", 1)[0]
    outputs = {"imageId": image_id(name), "repoDigest": f"{repository}@{image_id(name + 'repo')}"}
    return Answer(image_id(name), outputs)


def _password(name: str, inputs: Inputs) -> Answer:
    outputs = {"result": _letters(name, int(inputs["length"])), "bcryptHash": f"$2a$10${name}"}
    return Answer("none", outputs, frozenset(outputs))


def _random_string(name: str, inputs: Inputs) -> Answer:
    text = _letters(name, int(inputs["length"]))
    return Answer(text, {"result": text})


def _random_bytes(name: str, inputs: Inputs) -> Answer:
    content = _bytes(f"bytes {name}", int(inputs["length"]))
    outputs = {"base64": base64.b64encode(content).decode(), "hex": content.hex()}
    return Answer("none", outputs, frozenset(outputs))


def _random_id(name: str, inputs: Inputs) -> Answer:
    content = _bytes(name, int(inputs["byteLength"]))
    url = base64.urlsafe_b64encode(content).decode().rstrip("=")
    outputs = {
        "hex": content.hex(),
        "dec": str(int(content.hex(), 16)),
        "b64Url": url,
        "b64Std": base64.b64encode(content).decode(),
    }
    return Answer(url, outputs)


def _command(name: str, inputs: Inputs) -> Answer:
    words = str(inputs.get("create", "")).split()
    tool = words[-2].rsplit("/", 1)[-1] if len(words) > 1 else ""
    stdout = image_id(name) if tool == "image" else ""
    return Answer(f"{name}{_hex(name, 4)}", {"stdout": stdout, "stderr": ""})


def _stash(_: str, inputs: Inputs) -> Answer:
    return Answer("stash", {"output": inputs["input"]})


def _nothing(name: str, _: Inputs) -> Answer:
    return Answer(f"{name}-id")


ANSWERS: Mapping[str, Callable[[str, Inputs], Answer]] = {
    "command:local:Command": _command,
    "command:remote:Command": _command,
    "command:remote:CopyToRemote": _nothing,
    "docker:index/container:Container": _container,
    "docker:index/network:Network": _docker_object,
    "docker:index/remoteImage:RemoteImage": _docker_image,
    "docker:index/volume:Volume": _docker_volume,
    "hcloud:index/firewall:Firewall": _numbered,
    "hcloud:index/firewallAttachment:FirewallAttachment": _numbered,
    "hcloud:index/loadBalancer:LoadBalancer": _load_balancer,
    "hcloud:index/loadBalancerService:LoadBalancerService": _numbered,
    "hcloud:index/loadBalancerTarget:LoadBalancerTarget": _numbered,
    "hcloud:index/network:Network": _numbered,
    "hcloud:index/networkSubnet:NetworkSubnet": _numbered,
    "hcloud:index/primaryIp:PrimaryIp": _primary_ip,
    "hcloud:index/rdns:Rdns": _numbered,
    "hcloud:index/server:Server": _server,
    "hcloud:index/serverNetwork:ServerNetwork": _numbered,
    "hcloud:index/sshKey:SshKey": _ssh_key,
    "hcloud:index/volume:Volume": _hcloud_volume,
    "hcloud:index/volumeAttachment:VolumeAttachment": _numbered,
    "hcloud:index/zone:Zone": _zone,
    "hcloud:index/zoneRecord:ZoneRecord": _rrset,
    "hcloud:index/zoneRrset:ZoneRrset": _rrset,
    "pulumi:index:Stash": _stash,
    "pulumi:providers:command": _nothing,
    "pulumi:providers:docker": _nothing,
    "pulumi:providers:hcloud": _nothing,
    "pulumi:providers:random": _nothing,
    "random:index/randomBytes:RandomBytes": _random_bytes,
    "random:index/randomId:RandomId": _random_id,
    "random:index/randomPassword:RandomPassword": _password,
    "random:index/randomString:RandomString": _random_string,
}
"""By type token; a type that is not here is refused, so that no output is ever silently missing."""
