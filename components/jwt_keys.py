"""A secret that signs JSON web tokens, and keys signed with it: one for each role.

Guaranteed: the same settings make the same keys, so that an unchanged stack stays unchanged.
Raising `rotation` makes another secret and signs every key anew in the same `up`.
"""

import calendar
import dataclasses
import datetime
import re
from collections.abc import Mapping, Sequence

import jwt
import pulumi

from . import secrets
from .release import release_id
from .secrets import Secret

ALGORITHM = "HS256"
SHORTEST_SECRET = 32
"""In characters; RFC 7518 asks for as many bytes as the hash has."""
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class JwtKeysArgs:
    """What is signed."""

    roles: Sequence[str]
    """A key for each: the claim `role`."""
    issuer: str
    """The claim `iss` of the keys."""
    expires: datetime.date
    """The day at whose end, in UTC, the keys are no longer taken."""
    length: int = 48
    """So many letters and digits has the secret."""
    rotation: int = 1
    """Raise it for another secret and other keys."""

    def __post_init__(self) -> None:
        """Refuse what could be guessed, or what nobody would take.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not self.roles or len(set(self.roles)) != len(self.roles):
            msg = f"JwtKeys: roles: must be some, each once (got {list(self.roles)})"
            raise ValueError(msg)
        for role in self.roles:
            if not _ROLE.fullmatch(role):
                msg = f"JwtKeys: roles: {role!r} is no name of a role; use a-z, 0-9 and _"
                raise ValueError(msg)
        if not self.issuer or self.issuer != self.issuer.strip():
            msg = f"JwtKeys: issuer: must be text without blanks around (got {self.issuer!r})"
            raise ValueError(msg)
        if not SHORTEST_SECRET <= self.length <= 512:
            msg = f"JwtKeys: length: must be from {SHORTEST_SECRET} to 512 (got {self.length})"
            raise ValueError(msg)
        if self.rotation < 1:
            msg = f"JwtKeys: rotation: must be at least 1 (got {self.rotation})"
            raise ValueError(msg)


class JwtKeys(pulumi.ComponentResource):
    """What checks tokens has the secret; whoever calls has a key, or logs in for a token."""

    secret: Secret
    """Signs and checks; for services alone."""
    keys: Mapping[str, Secret]
    """The key of each role."""
    version: str
    """Which secret it is; not secret."""

    def __init__(
        self, name: str, args: JwtKeysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:jwt_keys:JwtKeys", name, {}, opts)
        self.secret = secrets.generated(
            f"{name}-secret",
            length=args.length,
            rotation=args.rotation,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.version = self.secret.version
        self.keys = {role: self._key(args, role) for role in args.roles}
        self.register_outputs({"version": self.version})

    def _key(self, args: JwtKeysArgs, role: str) -> Secret:
        about = claims(args, role)
        signed = self.secret.value.apply(lambda secret: sign(secret, about))
        return Secret(
            value=pulumi.Output.secret(signed),
            version=release_id({"rotation": args.rotation, "claims": about}),
        )


def claims(args: JwtKeysArgs, role: str) -> dict[str, str | int]:
    """Return what a key says; without the time of its making, which would differ each time."""
    after = args.expires + datetime.timedelta(days=1)
    return {"role": role, "iss": args.issuer, "exp": calendar.timegm(after.timetuple())}


def sign(secret: str, about: Mapping[str, str | int]) -> str:
    """Return the token that says this; the same for the same secret and claims."""
    return jwt.encode(dict(about), secret, algorithm=ALGORITHM, headers={"typ": "JWT"})
