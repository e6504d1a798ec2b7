"""The rule about secrets that belong to another part of the stack's file."""

from collections.abc import Iterator

from .. import secrets
from .problems import Problem


def together(
    key: str, secret: secrets.Secret | None, part: str, given: object
) -> Iterator[Problem]:
    """Yield a problem where only one of a part and its secret, by its key, is given."""
    if given and not secret:
        cure = f"set it by `pulumi config set --secret {key}`, or remove {part}"
        yield Problem(key, f"is missing, and {part} is given", cure)
    if secret and not given:
        cure = f"give {part}, or remove the secret by `pulumi config rm {key}`"
        yield Problem(key, f"is given without {part}", cure)
