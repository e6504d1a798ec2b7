"""How a PostgreSQL server comes to run: in Docker, or in the Podman of a rootless account."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from . import release
from .image import image_step
from .leftovers import HALF_MADE
from .postgres_container import (
    OWNER,
    STOP_SECONDS,
    command_line,
    container_arguments,
    container_unit,
)
from .postgres_tuning import data_path, major_version
from .rootless import RootlessAccount
from .volume import volume_unit

if TYPE_CHECKING:
    from .postgres import PostgresServerArgs


def in_docker(
    parent: pulumi.Resource, name: str, args: "PostgresServerArgs"
) -> tuple[pulumi.CustomResource, pulumi.Output[str]]:
    """Return data and what tells one container from the next."""
    data, remote = _volume(parent, name, args), args.host.remote
    container = docker.Container(
        f"{name}-container",
        name=_full_name(name, args),
        image=_image(parent, name, args).stdout.apply(str.strip),
        mounts=[
            docker.ContainerMountArgs(
                type="volume",
                source=data.name,
                target=data_path(major_version(args.image)),
            )
        ],
        **container_arguments(
            name,
            host=args.host,
            network=args.network.full_name,
            command=_command(args),
            memory_mib=args.memory_mib,
        ),
        opts=pulumi.ResourceOptions.merge(
            remote.bound(),
            pulumi.ResourceOptions(
                parent=parent,
                provider=args.host.docker,
                depends_on=[args.network.network],
                # Two servers on one data folder would destroy it.
                delete_before_replace=True,
                hooks=args.host.remote.leftovers,
                replace_on_changes=HALF_MADE,
            ),
        ),
    )
    return data, container.id


def in_podman(
    parent: pulumi.Resource, name: str, args: "PostgresServerArgs", account: RootlessAccount
) -> tuple[pulumi.CustomResource, pulumi.Output[str]]:
    """Return data and what tells one container from the next.

    The unit keeps its name: a change of it starts the one server anew, so that two never run
    on the same data.
    """
    system, major = args.host.remote.system, major_version(args.image)
    volume = f"{_full_name(name, args)}-{major}"
    data = _quadlet(
        parent,
        args,
        account,
        f"{name}-data",
        {
            "name": volume,
            "kind": "volume",
            "content": volume_unit(volume, system=system, owner=OWNER),
        },
        # Another major version is another volume; replacing it destroys every database.
        opts=pulumi.ResourceOptions(
            protect=args.protect, replacement_trigger=volume, delete_before_replace=True
        ),
        down=True,
    )
    tag = f"localhost/{system}/{name}:{_version(args.image)}"
    image = _image(parent, name, args, tag)
    text = container_unit(
        name,
        system=system,
        network=args.network.full_name,
        command=_command(args),
        memory_mib=args.memory_mib,
        image=tag,
        volume=volume,
        major=major,
    )
    unit = {"name": _full_name(name, args), "kind": "container"}
    after_data = pulumi.ResourceOptions(replace_with=[data], delete_before_replace=True)
    # As for releases: what takes it away is there before the start, which may fail.
    stop = _quadlet(
        parent,
        args,
        account,
        f"{name}-stop",
        unit,
        opts=pulumi.ResourceOptions.merge(
            after_data,
            pulumi.ResourceOptions(depends_on=[args.network.network, data, image]),
        ),
        up=False,
        down=True,
    )
    start = _quadlet(
        parent,
        args,
        account,
        f"{name}-start",
        {**unit, "content": text},
        opts=pulumi.ResourceOptions.merge(
            after_data, pulumi.ResourceOptions(depends_on=[stop, image])
        ),
    )
    return data, start.stdout.apply(lambda _: release.release_id({"unit": text}))


def _volume(parent: pulumi.Resource, name: str, args: "PostgresServerArgs") -> docker.Volume:
    remote = args.host.remote
    volume = f"{_full_name(name, args)}-{major_version(args.image)}"
    before: list[pulumi.Resource] = []
    bind: Mapping[str, pulumi.Input[str]] | None = None
    if args.data_folder is not None:
        # The image's account may be somebody else's number on the host, so the data lies in
        # a folder that only root can enter.
        closed = pulumi.Output.concat(args.data_folder, "/", volume)
        path = pulumi.Output.concat(closed, "/data")
        bind = {"type": "none", "o": "bind", "device": path}
        before = [
            remote.step(
                f"{name}-folder",
                "files",
                {
                    "name": f"{name}-folder",
                    "directories": [
                        {"path": closed, "mode": "0700"},
                        # Docker gives a new one to the image's account; one that came along with a
                        # cloud volume belongs to it already.
                        {"path": path, "mode": "0700", "as_found": True},
                    ],
                },
                opts=pulumi.ResourceOptions(parent=parent),
            )
        ]
    return docker.Volume(
        f"{name}-data",
        name=volume,
        driver="local",
        driver_opts=bind,
        labels=[docker.VolumeLabelArgs(label="homeport.system", value=remote.system)],
        opts=pulumi.ResourceOptions.merge(
            remote.bound(),
            pulumi.ResourceOptions(
                parent=parent,
                provider=args.host.docker,
                depends_on=before,
                # Replacing or deleting it destroys every database of the server.
                protect=args.protect,
                delete_before_replace=True,
            ),
        ),
    )


def _quadlet(
    parent: pulumi.Resource,
    args: "PostgresServerArgs",
    account: RootlessAccount,
    step: str,
    spec: Mapping[str, str],
    *,
    opts: pulumi.ResourceOptions,
    up: bool = True,
    down: bool = False,
) -> command.remote.Command:
    return args.host.remote.step(
        step,
        "quadlet",
        {"account": account.account, **spec},
        up=up,
        down=down,
        timeout_seconds=600 + STOP_SECONDS,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(parent=parent, depends_on=[account.step]), opts
        ),
    )


def _image(
    parent: pulumi.Resource, name: str, args: "PostgresServerArgs", tag: str = ""
) -> command.remote.Command:
    return image_step(
        parent,
        args.host.remote,
        app=name,
        release=_version(args.image),
        image=args.image,
        memory_mib=args.memory_mib,
        account=args.account,
        tag=tag,
    )


def _version(image: str) -> str:
    """Return the word that tells one image from the next."""
    return release.release_id({"image": image})


def _command(args: "PostgresServerArgs") -> list[str]:
    return command_line(args.memory_mib, args.max_connections, args.settings)


def _full_name(name: str, args: "PostgresServerArgs") -> str:
    return f"{args.host.remote.system}-{name}"
