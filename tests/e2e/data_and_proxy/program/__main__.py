"""One server with two databases and two sites, as the tests beside it expect them."""

import pulumi

from components.database import Database, DatabaseArgs, DatabaseUser, DatabaseUserArgs
from components.dns import DnsRecords, DnsRecordsArgs, RecordSet
from components.hetzner_server import HetznerServer, HetznerServerArgs
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.postgres import PostgresServer, PostgresServerArgs
from components.remote import File
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site import Site, SiteArgs
from components.site_access import BasicAuth
from components.site_routes import PathRoute
from components.sql import Access

config = pulumi.Config()
ZONE = "proof.example.com"
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

records = DnsRecords(
    "dns",
    DnsRecordsArgs(
        zone=ZONE,
        create_zone=True,
        records=[
            RecordSet(name=name, type="A", values=[machine.address])
            for name in ("site", "www", "staff")
        ],
    ),
)


class Pages(pulumi.ComponentResource):
    """The files that the sites serve."""

    def __init__(self) -> None:
        super().__init__("homeport:test:Pages", "pages", {})
        self.files = host.remote.files(
            "pages",
            files=[
                File(path="/srv/www/index.html", content="<h1>it works</h1>\n" * 100),
                File(path="/srv/www/up.txt", content="up\n"),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


pages = Pages()
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(
        host=host, acme_email="ops@example.com", acme_directory=config.require("acme")
    ),
)
after = pulumi.ResourceOptions(depends_on=[records, pages])
routes = [
    PathRoute(folder="/srv/www", single_page=True),
    PathRoute(path="/echo", upstream="http://127.0.0.1:9999", strip_prefix=True),
    PathRoute(path="/inside", folder="/srv/www", allow_from=["192.0.2.0/24"]),
]
site = Site(
    "site",
    SiteArgs(
        proxy=proxy,
        hostnames=[f"site.{ZONE}"],
        redirects_from=[f"www.{ZONE}"],
        routes=routes,
        hsts_seconds=300,
        max_body_mib=config.get_int("max_body_mib") or 1,
        headers={"Content-Security-Policy": "default-src 'self'"},
    ),
    after,
)
Site(
    "staff",
    SiteArgs(
        proxy=proxy,
        hostnames=[f"staff.{ZONE}"],
        routes=[
            PathRoute(folder="/srv/www"),
            PathRoute(path="/up.txt", folder="/srv/www", public=True),
        ],
        basic_auth=BasicAuth(username="ops", password=users[-1].password),
    ),
    after,
)

pulumi.export("address", machine.address)
pulumi.export("network", network.full_name)
pulumi.export("container", server.container_name)
pulumi.export("passwords", {user.username: user.password.value for user in users})
