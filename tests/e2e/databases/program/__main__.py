"""One server with two databases and a Redis, as the tests beside it expect them."""

import pulumi

from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.redis import RedisServer, RedisServerArgs
from components.sql import Access

config = pulumi.Config()
ROLES: tuple[Access, ...] = ("migrator", "read_write", "read_only")

machine = HetznerServer(
    "server",
    HetznerServerArgs(
        server_type="cx23",
        location="fsn1",
        image=config.require("image"),
        protect=False,
        volume_gib=10 if config.get_bool("volume") else None,
    ),
)
host = machine.host
network = PrivateNetwork("data", PrivateNetworkArgs(host=host, internal=True))
server = PostgresServer(
    "postgres",
    PostgresServerArgs(
        host=host,
        image=config.get("postgres") or "postgres:17",
        network=network,
        memory_mib=config.get_int("memory_mib") or 512,
        data_folder=machine.volume_path,
        protect=False,
    ),
)
extension = config.get("extension")
ledger = Database(
    "ledger",
    DatabaseArgs(
        server=server,
        name="ledger",
        schemas=("public", "audit"),
        extensions=(extension,) if extension else (),
        protect=False,
    ),
)
other = Database("other", DatabaseArgs(server=server, name="other", protect=False))
users = [
    DatabaseUser(
        role.replace("_", "-"),
        DatabaseUserArgs(
            database=ledger,
            name=f"ledger_{role}_user",
            access="read_only" if config.get("demoted") == role else role,
            rotation=config.get_int("rotation") or 1,
        ),
    )
    for role in ROLES
    if config.get("without") != role
]
users.append(
    DatabaseUser(
        "stranger", DatabaseUserArgs(database=other, name="other_app", access="read_write")
    )
)
redis = RedisServer(
    "redis",
    RedisServerArgs(
        host=host,
        image="redis:7",
        network=network,
        memory_mib=config.get_int("redis_mib") or 64,
        protect=False,
        rotation=config.get_int("redis_rotation") or 1,
    ),
)

pulumi.export("redis", {"container": redis.container_name, "password": redis.password.value})
pulumi.export("network", network.full_name)
pulumi.export("container", server.container_name)
pulumi.export("passwords", {user.username: user.password.value for user in users})
