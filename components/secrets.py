"""Secret values together with the plain word that tells one version of them from the next.

A release's id must be known at plan time and must change when a secret does, and a secret must
never be part of a name. So every secret carries a version that is not secret (docs/adr/0004).
"""

import base64
import dataclasses
import hashlib

import pulumi
import pulumi_random as random


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A value that is never shown, and a version that changes exactly when the value does."""

    value: pulumi.Output[str] = dataclasses.field(repr=False)
    """The value, marked secret."""
    version: str
    """Not secret; part of release ids."""


def generated(
    name: str, *, rotation: int = 1, length: int = 40, opts: pulumi.ResourceOptions | None = None
) -> Secret:
    """Return a random secret of letters and digits; raising `rotation` makes a new one."""
    password = random.RandomPassword(
        name,
        length=length,
        special=False,
        keepers={"rotation": str(rotation)},
        opts=opts,
    )
    return Secret(value=pulumi.Output.secret(password.result), version=str(rotation))


def plain(text: str) -> Secret:
    """Return plain text as a file of an app's own, such as settings: no secret, shown in plans."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Secret(value=pulumi.Output.from_input(text), version=digest)


def given(key: str, plain: str, *, context: str) -> Secret:
    """Return a secret that a person set in the configuration.

    The version is 16 bits of a slow hash: enough to notice a change (a miss is 1 in 65,536), far
    too little to find the value by trying.

    Args:
        key: the configuration key, which salts the hash.
        plain: the value.
        context: project and stack, which salt the hash too.
    """
    return Secret(value=pulumi.Output.secret(plain), version=version(key, plain, context=context))


def version(key: str, plain: str, *, context: str) -> str:
    """Return the version of a secret value; `key` and `context` salt it."""
    digest = hashlib.scrypt(
        plain.encode(), salt=f"{context}:{key}".encode(), n=2**14, r=8, p=1, dklen=2
    )
    return base64.b16encode(digest).decode()
