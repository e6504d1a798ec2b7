"""Certificates that certbot gets, where the proxy does not ask itself: by HTTP, or by the DNS.

Each stack has a folder, an account and a timer of its own, so that neither another stack on the
host nor a certbot of somebody else there has anything to do with them.
"""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

from ..dns_challenge import DnsChallenge
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


def needed(plan: SitePlan, proxy: Proxy) -> bool:
    """Return whether certbot gets a site's certificate: the proxy does not, or not by the DNS."""
    by_dns = isinstance(plan.tls, Acme) and plan.tls.challenge is not None
    return by_dns or proxy.before_certificate(plan) is not None


def obtained(
    plan: SitePlan,
    proxy: Proxy,
    remote: Remote,
    *,
    address: pulumi.Input[str],
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> command.remote.Command:
    """Have a certificate for a site's names before the site is there.

    Args:
        plan: the site.
        proxy: what serves it.
        remote: the host.
        address: the host's public address, for messages.
        parent: the component that all steps belong to.
        after: what must be there before.
    """
    assert isinstance(plan.tls, Acme)  # noqa: S101 - nothing else is asked for
    opts = pulumi.ResourceOptions(parent=parent, depends_on=list(after))
    if plan.tls.challenge:
        before = _by_dns(plan, plan.tls.challenge, remote, opts)
        how = {"dns": _settings_file(plan, remote), **_copy(plan, proxy)}
    else:
        before = [_by_http(plan, proxy, remote, opts)]
        how = {"challenges": CHALLENGES}
    return remote.step(
        f"{plan.name}-certificate",
        "certificate",
        {
            "name": plan.name,
            "names": plan.settings.certificate_names,
            "directory": plan.tls.directory,
            "email": plan.tls.email,
            "address": address,
            **how,
            "folder": folder(remote.folder),
            "service": proxy.SERVICE,
            "pauses": [5, 20],
        },
        down=True,
        timeout_seconds=1200,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=before),
    )


def _by_http(
    plan: SitePlan, proxy: Proxy, remote: Remote, opts: pulumi.ResourceOptions
) -> command.remote.Command:
    """Let the proxy answer to the authority over plain HTTP."""
    return remote.files(
        f"{plan.name}-http",
        files=[
            File(
                path=f"{proxy.FOLDER}/{plan.own}.http{proxy.SUFFIX}",
                content=proxy.before_certificate(plan) or "",
                mode=0o640,
                group=proxy.GROUP,
            )
        ],
        check=proxy.CHECK,
        then=[proxy.RELOAD],
        opts=opts,
    )


def _by_dns(
    plan: SitePlan, challenge: DnsChallenge, remote: Remote, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Let the host change the zone; the token is a step of its own, since it hides its document."""
    file = _settings_file(plan, remote)
    about = {"system": remote.system, "step": f"{plan.name}-certificate"}
    content = pulumi.Output.json_dumps({**about, **challenge.settings}, sort_keys=True)
    renews = remote.files(
        f"{plan.name}-renewal",
        packages=["certbot", *challenge.packages],
        directories=[{"path": file.rpartition("/")[0], "mode": "0700"}],
        files=renewal(remote.system),
        units_enabled=[timer(remote.system)],
        opts=opts,
    )
    secret = remote.files(
        f"{plan.name}-challenge",
        files=[File(path=file, content=pulumi.Output.secret(content), mode=0o600)],
        opts=pulumi.ResourceOptions(parent=opts.parent, depends_on=[renews]),
    )
    return [renews, secret]


def _settings_file(plan: SitePlan, remote: Remote) -> str:
    """Return where the tool `dnschallenge` finds what it is told, for this site."""
    return f"{remote.folder}/acme-dns/{plan.name}.json"


def _copy(plan: SitePlan, proxy: Proxy) -> dict[str, dict[str, str]]:
    """Return where a proxy that does not read keys as root gets certificate and key, in one file.

    Written as a whole, so that it never meets a certificate with the key of another.
    """
    if proxy.KEY_GROUP == "root":
        return {}
    return {"copy": {"path": f"{proxy.FOLDER}/{plan.own}.pem", "group": proxy.KEY_GROUP}}


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text
