"""Rules that look at several keys of isis together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from components import secrets
from components.config import (
    Problem,
    image_rules,
    rules,
    secret_rules,
    server_rules,
    siblings,
)
from components.config.loading import Rule

from .contract import RESERVED

if TYPE_CHECKING:
    from components.config.parts import Server

    from .config import Google, Media


def account_can_be_rootless(server: "Server") -> Iterator[Problem]:
    """The server's Podman can run Quadlet units."""
    if server.image in ("debian-12", "ubuntu-22.04"):
        cure = "use debian-13 or ubuntu-24.04"
        wrong = "has a Podman that is too old for Quadlet units"
        yield Problem("server.image", wrong, cure, server.image)


def data_has_its_place(server: "Server") -> Iterator[Problem]:
    """Podman's volumes lie in the account's home."""
    if server.volume_gib:
        cure = "remove it: rootless volumes lie in the account's home, on the server's own disk"
        yield Problem("server.volume_gib", "would hold nothing", cure, str(server.volume_gib))


def page_lives_elsewhere(domain: str, spa_origins: tuple[str, ...]) -> Iterator[Problem]:
    """The origins are those of the page, not the backend's own."""
    if not spa_origins:
        cure = "name where the page lives, such as https://app.example.com"
        yield Problem("spa_origins", "is empty, and so no page could call the backend", cure)
    for index, origin in enumerate(spa_origins):
        if urlsplit(origin).hostname == domain:
            cure = "remove it: the backend's own pages may call it anyway"
            yield Problem(f"spa_origins[{index}]", "is the backend itself", cure, origin)


def media_is_whole(
    media: "Media | None", media_secret_access_key: secrets.Secret | None
) -> Iterator[Problem]:
    """AWS_* is given as a whole or not at all."""
    yield from secret_rules.together(
        "media_secret_access_key", media_secret_access_key, "media", media
    )


def google_is_whole(
    google: "Google | None", google_client_secret: secrets.Secret | None
) -> Iterator[Problem]:
    """The login with Google is given as a whole or not at all."""
    yield from secret_rules.together("google_client_secret", google_client_secret, "google", google)


ALL: tuple[Rule, ...] = (
    rules.stack_can_be_a_prefix,
    rules.hostnames_fit_together,
    rules.untrusted_certificates_need_short_hsts,
    image_rules.images_are_pinned,
    rules.ssh_comes_from_somewhere,
    image_rules.registry_serves_the_image,
    rules.debugging_is_off,
    server_rules.server_is_sold,
    server_rules.server_runs_the_images,
    server_rules.memory_fits,
    siblings.stack_files_are_readable,
    siblings.domains_differ,
    siblings.secrets_differ,
    account_can_be_rootless,
    data_has_its_place,
    page_lives_elsewhere,
    media_is_whole,
    google_is_whole,
    rules.environment_is_free(RESERVED),
)
