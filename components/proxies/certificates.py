"""Certificates for a proxy that does not ask authorities itself: certbot does, by HTTP-01.

Each stack has a folder, an account and a timer of its own, so that neither another stack on the
host nor a certbot of somebody else there has anything to do with them.
"""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

from ..remote import FOLDER as HOMEPORT
from ..remote import File, Remote
from ..site_tls import Acme
from ..tools import ASSETS
from .proxy import Proxy, SitePlan

CHALLENGES = "/var/lib/homeport-acme"
"""Holds the answers that authorities look for, while they do."""


def folder(own_folder: str) -> str:
    """Return where certbot keeps a stack's certificates and account, in a stack's folder."""
    return f"{own_folder}/acme"


def files(own_folder: str, site: str) -> tuple[str, str]:
    """Return where the newest certificate of a site is, and its key; root alone can read them."""
    live = f"{folder(own_folder)}/live/{site}"
    return f"{live}/fullchain.pem", f"{live}/privkey.pem"


def timer(system: str) -> str:
    """Return the unit that renews a stack's certificates."""
    return f"homeport-certificates-{system}.timer"


def renewal(system: str) -> list[File]:
    """Return the units that renew a stack's certificates; the proxy is reloaded when one is new."""
    unit = f"/etc/systemd/system/homeport-certificates-{system}"
    values = {"system": system, "folder": folder(f"{HOMEPORT}/{system}")}
    texts = {kind: (ASSETS / "certificates" / f"renewal.{kind}") for kind in ("service", "timer")}
    return [
        File(path=f"{unit}.{kind}", content=_filled(path.read_text(), values))
        for kind, path in texts.items()
    ]


def obtained(
    plan: SitePlan,
    proxy: Proxy,
    remote: Remote,
    *,
    first: str,
    address: pulumi.Input[str],
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> command.remote.Command:
    """Have a certificate for a site's names before the site is there.

    Args:
        plan: the site.
        proxy: what serves it.
        remote: the host.
        first: what lets the proxy answer to the authority over plain HTTP.
        address: the host's public address, for messages.
        parent: the component that both steps belong to.
        after: what must be there before.
    """
    answers = remote.files(
        f"{plan.name}-http",
        files=[
            File(
                path=f"{proxy.FOLDER}/{plan.own}.http{proxy.SUFFIX}",
                content=first,
                mode=0o640,
                group=proxy.GROUP,
            )
        ],
        check=proxy.CHECK,
        then=[proxy.RELOAD],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after)),
    )
    assert isinstance(plan.tls, Acme)  # noqa: S101 - nothing else is asked for
    return remote.step(
        f"{plan.name}-certificate",
        "certificate",
        {
            "name": plan.name,
            "names": plan.settings.names,
            "directory": plan.tls.directory,
            "email": plan.tls.email,
            "address": address,
            "challenges": CHALLENGES,
            "folder": folder(remote.folder),
            "service": proxy.SERVICE,
            "pauses": [5, 20],
        },
        down=True,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[answers]),
    )


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text
