"""A secret that the program makes, such as an app's signing key."""

import dataclasses

import pulumi

from . import secrets
from .secrets import Secret


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedSecretArgs:
    """What a secret is."""

    length: int = 40
    """So many letters and digits."""
    rotation: int = 1
    """Raise it for a new one."""

    def __post_init__(self) -> None:
        """Refuse what could be guessed.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not 20 <= self.length <= 512:
            msg = f"GeneratedSecret: length: must be from 20 to 512 (got {self.length})"
            raise ValueError(msg)
        if self.rotation < 1:
            msg = f"GeneratedSecret: rotation: must be at least 1 (got {self.rotation})"
            raise ValueError(msg)


class GeneratedSecret(pulumi.ComponentResource):
    """A random secret, different for each stack, that nobody ever types."""

    secret: Secret
    """The value and its version, for apps and jobs."""
    version: str
    """Which one it is; not secret."""

    def __init__(
        self, name: str, args: GeneratedSecretArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:generated_secret:GeneratedSecret", name, {}, opts)
        self.secret = secrets.generated(
            f"{name}-value",
            length=args.length,
            rotation=args.rotation,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.version = self.secret.version
        self.register_outputs({"version": self.version})
