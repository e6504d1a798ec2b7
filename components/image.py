"""Brings an image to a host, once its disk and its memory have room for what is to run."""

from typing import Any

import pulumi
import pulumi_command as command

from .image_build import ImageBuild
from .registry import FILE, RegistryLogin, qualified
from .remote import Remote
from .rootless import RootlessAccount

FREE_DISK_MIB = 2048
"""What a pull or a build has to find free, unless it is said."""
_PULL_SECONDS = 1800
_BUILD_SECONDS = 3600


def image_step(
    parent: pulumi.Resource | None,
    remote: Remote,
    *,
    app: str,
    release: str,
    image: str | ImageBuild,
    memory_mib: int,
    disk_mib: int = FREE_DISK_MIB,
    keep: int | None = None,
    login: RegistryLogin | None = None,
    account: RootlessAccount | None = None,
    tag: str = "",
) -> command.remote.Command:
    """Make the step that pulls or builds an image; its output is the image's id.

    Args:
        parent: what the step belongs to.
        remote: the host.
        app: whose image it is.
        release: tells the image from the app's other ones.
        image: its reference, or how it is built.
        memory_mib: what the host must have free to run it; 0 asks for nothing.
        disk_mib: what the host must have free to hold it.
        keep: how many images of the app stay when their releases go; None is the tool's default.
        login: opens the registry.
        account: whose Podman pulls; None is Docker.
        tag: what the account's units call the image.
    """
    after: list[pulumi.Resource] = [each.step for each in (account, login) if each]
    engine: dict[str, Any] = {"docker_config": login.folder if login else None}
    if account:
        auth_file = f"{login.folder}/{FILE}" if login else None
        engine = {"account": account.account, "auth_file": auth_file, "tag": tag}
    build = image if isinstance(image, ImageBuild) else None
    if build:
        after.append(build.context.step)
        engine["build"] = build.spec(podman=bool(account))
    reference = image_name(image)
    return remote.step(
        f"{app}-image-{release}",
        "image",
        {
            "app": app,
            "release": release,
            "image": qualified(reference) if account else reference,
            "memory_mib": memory_mib,
            "disk_mib": disk_mib,
            **({} if keep is None else {"keep": keep}),
            **engine,
        },
        down=True,
        progress=bool(build),
        timeout_seconds=_BUILD_SECONDS if build else _PULL_SECONDS,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=after),
    )


def image_name(image: str | ImageBuild) -> str:
    """Return the reference of an image, whether it is pulled or built."""
    return image if isinstance(image, str) else image.reference
