"""A server that somebody else made: rented, in a rack, or a virtual machine."""

import dataclasses
import zlib
from typing import Literal

import pulumi

from . import baseline, keys, names
from .host import Host, HostFacts
from .remote import before_tools
from .secrets import Secret
from .ssh import Bastion, Login, given_key

Privilege = Literal["root", "sudo", "sudo-password", "su-password"]

ELEVATE = {
    "root": "sh -c",
    "sudo": "sudo -n sh -c",
    "sudo-password": "sudo -k -S -p '' sh -c",
    "su-password": "su root -s /bin/sh -c",
}
"""What makes a login root; each takes one argument and reads at most one line of its input."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ExistingServerArgs:
    """How to reach the server, and what may be relied on."""

    address: str
    """Name or address, as this side reaches it."""
    host_key: str
    """Its public host key line, from a source that can be trusted: `ssh-keyscan` on the machine."""
    user: str = "root"
    """The account that a person gave us."""
    port: int = 22
    """Where sshd listens."""
    privilege: Privilege = "root"
    """How that account becomes root."""
    password: Secret | None = None
    """What `sudo` or `su` asks for; only with `sudo-password` and `su-password`."""
    private_key: Secret | None = None
    """Key of that account; None means the operator's SSH agent."""
    bastion: Bastion | None = None
    """A machine to go through; it takes the same key as the account."""
    cores: int | None = None
    """Processors that the plan may rely on; checked on the machine."""
    memory_mib: int | None = None
    """Memory in MiB that the plan may rely on; checked on the machine."""
    install_docker: bool = True
    """Whether Docker may be installed where there is none."""
    docker_settings: bool = True
    """Whether Docker gets settings of ours, which restarts it and every container once; without,
    it has to be there, and a later restart of Docker stops the stack's containers for a moment."""
    nftables: bool = True
    """Whether rules of nftables may be written. Without, links switch releases (docs/switch.md);
    there is no host firewall, and a change of the proxy is a plain reload. Say the same in every
    stack on the server."""
    key_login_only: bool = False
    """Whether sshd is to refuse passwords for everybody, as on a server of our own."""
    swap_mib: int = 0
    """Size of a swap file to add; 0 for none."""

    def __post_init__(self) -> None:
        needs_password = self.privilege.endswith("-password")
        if self.privilege not in ELEVATE:
            self._refuse("privilege", self.privilege, f"one of {', '.join(ELEVATE)}")
        if needs_password and self.password is None:
            self._refuse("password", "none", f"privilege {self.privilege} needs one")
        if not needs_password and self.password is not None:
            self._refuse("password", "one", f"privilege {self.privilege} asks for none")
        if (self.user == "root") != (self.privilege == "root"):
            self._refuse("privilege", self.privilege, f"does not fit the user {self.user}")
        if not 1 <= self.port <= 65535:
            self._refuse("port", self.port, "a port lies between 1 and 65535")
        if self.install_docker and not self.docker_settings:
            self._refuse("docker_settings", "none", "a Docker that is installed gets them")
        keys.check_public_line("ExistingServer: host_key", self.host_key)

    def _refuse(self, field: str, value: object, rule: str) -> None:
        msg = f"ExistingServer {self.address}: {field}: {rule} (got {value!r})"
        raise ValueError(msg)


class ExistingServer(pulumi.ComponentResource):
    """A server that was there before, made ready; destroying gives it back as it was.

    Where the login is not root, it is used only to make an account that deploys with a key of its
    own, and to remove that account in the end (docs/adr/0005). Packages that were installed stay.
    """

    host: Host
    """For everything that runs on it."""
    address: pulumi.Output[str]
    """Where it is."""
    ssh_command: pulumi.Output[str]
    """What a person types to log in; holds no secret."""

    def __init__(
        self, name: str, args: ExistingServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:existing_server:ExistingServer", name, {}, opts)
        names.check_label("server", name)
        given = Login(
            address=args.address,
            host_key=args.host_key,
            user=args.user,
            port=args.port,
            private_key=given_key(args.private_key),
            bastion=args.bastion,
            bastion_key=given_key(args.private_key),
        )
        login, first = given, pulumi.ResourceOptions(parent=self)
        if args.privilege != "root":
            login, made = self._deploy_login(name, args, given)
            first = pulumi.ResourceOptions(parent=self, depends_on=[made])
        self.host = baseline.prepare(
            name,
            system=names.system(),
            login=login,
            sudo=args.privilege != "root",
            facts=HostFacts(cores=args.cores, memory_mib=args.memory_mib),
            swap_mib=args.swap_mib,
            key_login_only=args.key_login_only,
            install_docker=args.install_docker,
            docker_settings=args.docker_settings,
            nftables=args.nftables,
            patience=5,
            opts=first,
        )
        self.address = self.host.address
        self.ssh_command = self.host.ssh_command
        self.register_outputs({"address": self.address, "ssh_command": self.ssh_command})

    def _deploy_login(
        self, name: str, args: ExistingServerArgs, given: Login
    ) -> tuple[Login, pulumi.Resource]:
        """Make the account that deploys, in the login that was given."""
        user = deploy_account(names.system())
        child = pulumi.ResourceOptions(parent=self)
        key = keys.generated_key(f"{name}-login-key", comment=user, opts=child)
        made = before_tools(
            f"{name}-account",
            "account",
            {"system": names.system(), "user": user, "public_key": key.public},
            connection=given.connection(),
            privilege=ELEVATE[args.privilege],
            password=args.password.value if args.password else None,
            opts=child,
        )
        login = dataclasses.replace(given, user=user, private_key=key.private)
        return login, made


def deploy_account(system: str) -> str:
    """Return the name of a stack's own account: at most 32 letters, another for every stack."""
    return f"homeport-{zlib.crc32(system.encode()):08x}"
