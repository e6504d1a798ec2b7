"""An app beside others, which somebody else installed, and its way to a new version."""

import pulumi

from components import secrets
from components.existing_server import ExistingServer, ExistingServerArgs
from components.staged_parts import Answers, Stage
from components.staged_upgrade import StagedUpgrade, StagedUpgradeArgs

config = pulumi.Config()
server = ExistingServer(
    "server",
    ExistingServerArgs(
        address=config.require("address"),
        host_key=config.require("host_key"),
        user="root",
        privilege="root",
        private_key=secrets.given("private_key", config.require("private_key"), context="e2e"),
    ),
)
upgrade = StagedUpgrade(
    "signer",
    StagedUpgradeArgs(
        host=server.host,
        container="signing-app",
        version="1.13.1",
        database_container="signing-db",
        database="signing",
        answers=Answers(
            port=3000,
            path="/api/health",
            api_path="/api/v1/documents",
            api_headers={"Authorization": "Bearer {API_KEY}"},
        ),
        stages=[
            Stage(
                version="2.0.0",
                image="ghcr.io/homeport/signer:2.0.0",
                counts={"documents": "SELECT count(*) FROM envelopes"},
                timeout_seconds=120,
            ),
            Stage(
                version="2.11.0",
                image="ghcr.io/homeport/signer:2.11.0",
                environment={"MIGRATION_SECONDS": config.get("migration_seconds") or ""},
                timeout_seconds=120,
            ),
        ],
        volumes=["signing-data"],
        files=["/srv/signing"],
        counts={
            "documents": "SELECT count(*) FROM documents",
            "signatures": "SELECT count(*) FROM signatures",
        },
        proceed=config.get_bool("proceed") or False,
        keep_way_back=config.get_bool("keep_way_back") is not False,
        revision=config.get_int("revision") or 1,
    ),
)
pulumi.export("target", upgrade.target)
pulumi.export("ssh", server.ssh_command)
