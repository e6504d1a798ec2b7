"""Brings an image to a host, once its disk and its memory have room for what is to run."""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

from .registry import FILE, RegistryLogin, qualified
from .remote import Remote
from .rootless import RootlessAccount

FREE_DISK_MIB = 2048
"""What a pull has to find free, unless it is said."""
_TIMEOUT_SECONDS = 1800


def pull(
    parent: pulumi.Resource | None,
    remote: Remote,
    *,
    app: str,
    release: str,
    image: str,
    memory_mib: int,
    disk_mib: int = FREE_DISK_MIB,
    keep: int | None = None,
    login: RegistryLogin | None = None,
    account: RootlessAccount | None = None,
    tag: str = "",
) -> command.remote.Command:
    """Make the step that pulls an image; its output is the image's id.

    Args:
        parent: what the step belongs to.
        remote: the host.
        app: whose image it is.
        release: tells the image from the app's other ones.
        image: its reference.
        memory_mib: what the host must have free to run it; 0 asks for nothing.
        disk_mib: what the host must have free to hold it.
        keep: how many images of the app stay when their releases go; None is the tool's default.
        login: opens the registry.
        account: whose Podman pulls; None is Docker.
        tag: what the account's units call the image.
    """
    after: Sequence[pulumi.Resource] = [each.step for each in (account, login) if each]
    if account:
        auth_file = f"{login.folder}/{FILE}" if login else None
        engine = {"account": account.account, "auth_file": auth_file, "tag": tag}
    else:
        engine = {"docker_config": login.folder if login else None}
    return remote.step(
        f"{app}-image-{release}",
        "image",
        {
            "app": app,
            "release": release,
            "image": qualified(image) if account else image,
            "memory_mib": memory_mib,
            "disk_mib": disk_mib,
            **({} if keep is None else {"keep": keep}),
            **engine,
        },
        down=True,
        timeout_seconds=_TIMEOUT_SECONDS,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=after),
    )
