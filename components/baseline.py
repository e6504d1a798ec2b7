"""What every machine gets before anything runs on it: one list, written twice without a difference.

cloud-init writes it on the first boot, so that services start with the right settings; the step
`baseline` compares and repairs it from then on, and is all that an existing server gets.
"""

import json
import string
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_docker as docker
import yaml

from . import tools
from .host import Host, HostFacts
from .machine import Machine, bound_to
from .remote import Argv, File, Remote, before_tools
from .ssh import Login, config_file, ssh_options

SYSTEMS = ("debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04")
"""What a host may run; named as the vendor names its images."""

PACKAGES = ("unattended-upgrades", "ca-certificates", "openssl")
PACKET_FILTER = ("nftables",)
PACKET_FILTER_FOLDERS = ("/etc/homeport", "/etc/systemd/system/nftables.service.d")
DOCKER_PACKAGES = ("docker.io", "docker-cli?", "apparmor", "iptables")
TIME = "systemd-timesyncd|chrony|ntpsec|ntp|openntpd"
HELD = ("docker.io", "docker-cli?", "containerd", "runc")

_APT_GET = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "--assume-yes",
    "--quiet",
    "--no-install-recommends",
    "--option=Dpkg::Options::=--force-confold",
    "--option=DPkg::Lock::Timeout=300",
)

USER_DATA_LIMIT = 32 * 1024
FREE_DISK_MIB = 2048
BOOT_PATIENCE = 60
"""Dials until a server that has just been made must answer: about five minutes."""

_SSHD: Sequence[Argv] = (
    ("sshd", "-t"),
    ("systemctl", "try-reload-or-restart", "ssh.service"),
)


def asset(name: str, **values: object) -> str:
    """Return a file of `assets/host`, its placeholders filled in."""
    text = (tools.ASSETS / "host" / name).read_text()
    return string.Template(text).substitute(values) if values else text


def baseline_files(
    *,
    key_login_only: bool,
    swap_mib: int,
    docker_settings: bool = True,
    nftables: bool = True,
    made: bool = False,
) -> list[File]:
    """Return the files of the baseline, each with what must run when it changes.

    Args:
        key_login_only: whether sshd refuses passwords for everybody.
        swap_mib: size of the swap file in MiB; 0 for none.
        docker_settings: whether Docker gets settings of ours.
        nftables: whether rules of nftables may be written.
        made: whether the program made the machine, so that nobody else chose its addresses.
    """
    files = [
        *([_docker_settings(made=made)] if docker_settings else []),
        File(
            path="/etc/ssh/sshd_config.d/00-homeport.conf", content=asset("sshd.conf"), then=_SSHD
        ),
        File(
            path="/etc/systemd/journald.conf.d/50-homeport.conf",
            content=asset("journald.conf"),
            then=[("systemctl", "restart", "systemd-journald.service")],
        ),
        File(path="/etc/apt/apt.conf.d/52homeport", content=asset("apt.conf")),
        *(_packet_filter() if nftables else _links()),
    ]
    if key_login_only:
        path = "/etc/ssh/sshd_config.d/01-homeport-login.conf"
        files.append(File(path=path, content=asset("sshd-login.conf"), then=_SSHD))
    if swap_mib:
        unit = asset("homeport-swap.service", swap_mib=swap_mib)
        files.append(File(path="/etc/systemd/system/homeport-swap.service", content=unit))
    return files


def _docker_settings(*, made: bool) -> File:
    text = asset("daemon.json")
    if made:
        # By itself Docker has room for 31 networks, and each app has one of its own.
        pools = [{"base": "172.16.0.0/12", "size": 24}]
        text = json.dumps({**json.loads(text), "default-address-pools": pools}, indent=2) + "\n"
    return File(
        path="/etc/docker/daemon.json",
        content=text,
        merge=True,
        # systemd refuses a unit that was started a few times within a minute.
        then=[
            ("systemctl", "reset-failed", "docker.service"),
            ("systemctl", "restart", "docker.service"),
        ],
    )


def _packet_filter() -> list[File]:
    """Return what keeps the stacks' tables of nftables in the kernel, from boot on."""
    rules, drop_in = PACKET_FILTER_FOLDERS
    unit = "/etc/systemd/system/homeport-nft.service"
    return [
        File(path=unit, content=asset("homeport-nft.service")),
        File(path=f"{drop_in}/homeport.conf", content=asset("nftables.conf")),
        *(File(path=f"{rules}/{name}", content=asset(name)) for name in ("start.nft", "stop.nft")),
    ]


def _links() -> list[File]:
    """Return the units that switch instead of it: for each port, and for each release."""
    return [
        File(
            path=f"/etc/systemd/system/homeport-{of}@.{kind}",
            content=asset(f"homeport-{of}.{kind}"),
        )
        for of in ("stable", "release")
        for kind in ("socket", "service")
    ]


def units(swap_mib: int, *, nftables: bool = True) -> list[str]:
    """Return the units of the baseline that are to run."""
    wanted = {"homeport-nft.service": nftables, "homeport-swap.service": bool(swap_mib)}
    return [unit for unit, runs in wanted.items() if runs]


def packages(extra: Sequence[str], *, nftables: bool = True) -> list[str]:
    """Return the packages of the baseline and those that the program adds."""
    packet_filter = PACKET_FILTER if nftables else ()
    return list(dict.fromkeys([*DOCKER_PACKAGES, *packet_filter, *PACKAGES, TIME, *extra]))


def packages_at_boot(image: str, extra: Sequence[str]) -> list[str]:
    """Return what cloud-init installs: names that every archive of `image` surely has.

    Which program keeps the time is the image's affair, and the baseline's where it has none.
    """
    has_docker_cli = image == "debian-13"
    wanted = [name for name in packages(extra) if "|" not in name]
    return [name.rstrip("?") for name in wanted if has_docker_cli or not name.endswith("?")]


def cloud_config(
    *,
    image: str,
    host_private_key: str,
    host_public_key: str,
    authorized_keys: Sequence[str],
    extra_packages: Sequence[str],
    swap_mib: int,
) -> str:
    """Return the user data of a new server.

    Raises:
        ValueError: it is longer than the vendor takes.
    """
    document: dict[str, Any] = {
        # Given keys are the only ones: cloud-init makes no others beside them.
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": host_private_key, "ed25519_public": host_public_key},
        "users": [],
        "ssh_authorized_keys": list(authorized_keys),
        "disable_root": False,
        "ssh_pwauth": False,
        "locale": False,
        "write_files": [
            {"path": file.path, "content": file.content, "permissions": f"{file.mode:04o}"}
            for file in baseline_files(key_login_only=True, swap_mib=swap_mib, made=True)
        ],
        # Not `packages`: that would install what the packages merely recommend.
        "runcmd": [
            [*_APT_GET, "update"],
            [*_APT_GET, "install", *packages_at_boot(image, extra_packages)],
        ],
    }
    text = "#cloud-config\n" + yaml.safe_dump(document, sort_keys=False, width=1000)
    if len(text.encode()) > USER_DATA_LIMIT:
        msg = (
            f"user data has {len(text.encode())} bytes, the vendor takes {USER_DATA_LIMIT}; "
            "leave fewer admin_keys and packages to the first boot"
        )
        raise ValueError(msg)
    return text


def prepare(
    name: str,
    *,
    system: str,
    login: Login,
    sudo: bool = False,
    facts: HostFacts,
    extra_packages: Sequence[str] = (),
    extra_files: Sequence[File] = (),
    swap_mib: int = 0,
    key_login_only: bool = False,
    install_docker: bool = True,
    docker_settings: bool = True,
    nftables: bool = True,
    machine: Machine | None = None,
    restarted_by: str = "",
    patience: int = BOOT_PATIENCE,
    opts: pulumi.ResourceOptions,
) -> Host:
    """Turn a login into a Host: boot awaited, tools planted, machine looked at, baseline in place.

    Args:
        name: logical name of the component that asks.
        system: `<project>-<stack>`.
        login: how to reach the machine.
        sudo: whether the login needs `sudo -n` to act as root.
        facts: what the program says of the machine; checked against it.
        extra_packages: installed with the baseline's.
        extra_files: written with the baseline's.
        swap_mib: size of the swap file in MiB; 0 for none.
        key_login_only: whether sshd refuses passwords for everybody.
        install_docker: whether Docker may be installed; else it must be there.
        docker_settings: whether Docker gets settings of ours, which restarts it.
        nftables: whether rules of nftables may be written.
        machine: what everything on it goes with, if the program made it.
        restarted_by: a word whose change restarts the machine, so that its boot is awaited.
        patience: dials until the machine must answer.
        opts: the options of the children.
    """
    connection = login.connection()
    # A vendor's server is as big as its type says; what a person wrote down may be wrong.
    claimed = facts if machine is None else HostFacts()
    planted = before_tools(
        f"{name}-bootstrap",
        "bootstrap",
        {
            **bootstrap_spec(system, claimed, install_docker=install_docker),
            "restarted_by": restarted_by,
        },
        connection=login.connection(patience),
        privilege="sudo -n sh -c" if sudo else "",
        opts=pulumi.ResourceOptions.merge(bound_to(machine), opts),
    )
    first = Remote(
        system=system, connection=connection, sudo=sudo, machine=machine, ready=[planted]
    )
    base = first.files(
        f"{name}-baseline",
        files=[
            *baseline_files(
                key_login_only=key_login_only,
                swap_mib=swap_mib,
                docker_settings=docker_settings,
                nftables=nftables,
                made=machine is not None,
            ),
            *extra_files,
        ],
        directories=[{"path": path} for path in PACKET_FILTER_FOLDERS] if nftables else [],
        packages=packages(extra_packages, nftables=nftables),
        hold=HELD,
        units_enabled=units(swap_mib, nftables=nftables),
        opts=opts,
    )
    config = login.files(system, name)
    provider = docker.Provider(
        f"{name}-docker",
        host=pulumi.Output.concat("ssh://", login.user, "@", login.address, f":{login.port}"),
        # Known in the first preview already, although the file is not there before `base` is: an
        # engine holds an `up` to a plan only as far as providers were known when it was made.
        ssh_opts=ssh_options(config_file(system, name)),
        disable_docker_daemon_check=True,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[base])),
    )
    return Host(
        name=name,
        address=pulumi.Output.from_input(login.address),
        facts=facts,
        remote=Remote(
            system=system,
            connection=connection,
            sudo=sudo,
            machine=machine,
            ready=[planted, base],
            login=["ssh", *ssh_options(config_file(system, name)), name],
        ),
        docker=provider,
        ssh_command=pulumi.Output.concat("ssh -F ", config, " ", name),
        nftables=nftables,
    )


def bootstrap_spec(system: str, facts: HostFacts, *, install_docker: bool) -> dict[str, Any]:
    """Return the document of the bootstrap: the tools, and what the machine must be."""
    return {
        "system": system,
        "tools": tools.tools(),
        "probe": {
            "systems": list(SYSTEMS),
            "cores": facts.cores,
            "memory_mib": facts.memory_mib,
            "disk_free_mib": FREE_DISK_MIB,
            "install_docker": install_docker,
        },
    }
