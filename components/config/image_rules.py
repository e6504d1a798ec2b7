"""Rules about images, and about the registries that they come from."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .. import secrets
from . import secret_rules
from .problems import Problem

if TYPE_CHECKING:
    from .builds import BuildableApp
    from .parts import App, Images, Postgres, RegistryAccount


def images_are_pinned(
    images: "Images", app: "App | BuildableApp", postgres: "Postgres"
) -> Iterator[Problem]:
    """Every image has a digest where that is required."""
    yield from without_digest(images, {**app.pulled(), "postgres.image": postgres.image})


def without_digest(images: "Images", named: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each image, by its key, that has no digest where that is required.

    An empty one is what only a Dockerfile names.
    """
    for path, image in named.items():
        if images.require_digest and not image:
            wrong = "is missing, and images.require_digest wants to see its digest"
            cure = "give it, and let the Dockerfile begin with `ARG BASE` and `FROM ${BASE}`"
            yield Problem(path, wrong, cure)
        elif images.require_digest and "@" not in image:
            cure = f"write {image}@sha256:…, as `docker buildx imagetools inspect {image}` shows it"
            yield Problem(path, "has no digest, which images.require_digest asks for", cure, image)


def registry_serves_the_image(
    registry: "RegistryAccount | None", app: "App | BuildableApp"
) -> Iterator[Problem]:
    """The login is for the registry that the image comes from."""
    for path, image in app.pulled().items():
        if registry and image and not image.startswith(f"{registry.server}/"):
            wrong = f"is the account of a registry that {path} does not come from"
            cure = f"use the registry of {image}, or remove registry"
            yield Problem("registry.server", wrong, cure, registry.server)


def registry_login_is_whole(
    registry: "RegistryAccount | None", registry_password: secrets.Secret | None
) -> Iterator[Problem]:
    """A registry's account has a password, and the password has an account."""
    yield from secret_rules.together("registry_password", registry_password, "registry", registry)
