"""Three servers of the local cloud with the sites of `program`, for all tests here."""

import base64
import ipaddress
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.cloud.instance import Cloud
from tests.e2e.local_stack import local_cloud, open_stack
from tests.e2e.sites.asking import ZONE, Deployed, Server, configuration
from tests.e2e.sites.authority import provide

KINDS = {"caddy": "caddy", "nginx": "nginx", "beside": "nginx"}
"""The servers of the program and their proxies."""
FOREIGN = """server {
	listen 80;
	server_name foreign.sites.example.com;
	root /srv/foreign;
}
"""


@pytest.fixture(scope="session")
def deployed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The program, up, beside a site of somebody else's; destroyed at the end."""
    provided = provide([f"{role}-{name}.{ZONE}" for name in KINDS for role in ("own", "closed")])
    trust = ssl.create_default_context(cafile=str(cloud.ca_file))
    trust.load_verify_locations(cadata=provided.authority)
    password = "a-password-of-the-tests"
    folder = tmp_path_factory.mktemp("sites")
    stack = open_stack("sites", Path(__file__).parent / "program", folder, local_cloud(cloud))
    stack.configure(
        acme="letsencrypt-staging",
        cloud="198.18.0.0/15",
        certificate=provided.certificate,
        private_key=provided.key,
        token=cloud.token,
        update_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        password=password,
    )
    try:
        stack.up()
        servers = {
            name: Server(name, kind, stack.output(name), cloud, trust)
            for name, kind in KINDS.items()
        }
        assert ipaddress.ip_address(servers["caddy"].address) in ipaddress.ip_network(
            "198.18.0.0/15"
        )
        beside = servers["beside"]
        beside.run("mkdir /srv/foreign; echo theirs >/srv/foreign/index.html")
        beside.run("cat >/etc/nginx/sites-enabled/foreign; systemctl reload nginx", stdin=FOREIGN)
        found = configuration(beside)
        stack.configure(open="true")
        stack.up()
        yield Deployed(stack, servers, password, found)
    finally:
        stack.destroy()


@pytest.fixture(params=list(KINDS))
def server(request: pytest.FixtureRequest, deployed: Deployed) -> Server:
    """Each server in turn: the same is expected of all."""
    return deployed.servers[request.param]


@pytest.fixture(params=[name for name, kind in KINDS.items() if kind == "nginx"])
def nginx(request: pytest.FixtureRequest, deployed: Deployed) -> Server:
    """Each server with nginx."""
    return deployed.servers[request.param]
