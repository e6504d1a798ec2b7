"""Odoo: the tenants' instance and the super-admin's, each with a database server of its own.

What differs between staging and production stands in Pulumi.<stack>.yaml, what there is stands
here. A tenant is a database and a folder of files, chosen by the host's name.
"""

import pulumi

from components import program
from components.dns_challenge import HetznerDns
from components.reverse_proxy import ReverseProxy, ReverseProxyArgs
from components.site_tls import Acme, Tls
from systems import web_server
from systems.odoo import contract
from systems.odoo.config import OdooConfig
from systems.odoo.front import SiteNames, served
from systems.odoo.instance import deployed, tenant

program.begin()
config = OdooConfig.load()

machine = web_server.create(config.server, packages=["nginx"], reverse_name=config.admin.domain)
host = machine.host
login = None
if config.registry and config.registry_password:
    login = config.registry.login(host, config.registry_password)
image = config.app.image_on(host)

# First the tenants' instance, then the super-admin's: a release that fails stops at the first.
tenants = deployed(config, host, image, login, "tenants")
admin = deployed(config, host, image, login, "admin", tenants.app)
admin_login = tenant("superadmin", host, admin, contract.ADMIN_DATABASE)
logins = {
    name: tenant(
        f"tenant-{name}",
        host,
        tenants,
        f"{name}_db",
        suspended=each.suspended,
        protect=each.protect,
    )
    for name, each in config.tenants.items()
}

# The way in: names, certificates, proxy.
hosts = {name: f"{name}.{config.domain}" for name in config.tenants}
below = [f"*.{config.domain}"] if config.wildcard else list(hosts.values())
named = [config.domain, config.admin.domain, *config.site.redirects_from, f"*.{config.domain}"]
dns = web_server.lead(config.dns, [(named, machine.address)], protect=config.server.protect)
wildcard: Tls | None = None
if config.wildcard and config.dns_token:
    wildcard = Acme(
        directory=config.acme.directory,
        email=config.acme.email,
        challenge=HetznerDns(zone=config.wildcard.zone, token=config.dns_token),
    )
proxy = ReverseProxy(
    "proxy",
    ReverseProxyArgs(
        host=host,
        kind="nginx",
        acme_email=config.acme.email,
        acme_directory=config.acme.directory,
    ),
)

after = pulumi.ResourceOptions(depends_on=dns)
names = SiteNames(hostnames=[config.domain, *below], redirects_from=config.site.redirects_from)
served("tenants", tenants.app, config.site, proxy, names, tls=wildcard, opts=after)
front = served(
    "admin", admin.app, config.site, proxy, SiteNames(hostnames=[config.admin.domain]), opts=after
)

pulumi.export("url", front.url)
pulumi.export("address", machine.address)
pulumi.export("ssh", machine.ssh_command)
pulumi.export("release", tenants.app.release)
pulumi.export("admin_release", admin.app.release)
pulumi.export("release_settings", {"tenants": "app.image"})
# What smoke.py and `homeport tenant` need.
pulumi.export("domain", config.domain)
pulumi.export(
    "tenants", {n: {"suspended": t.suspended, "host": hosts[n]} for n, t in config.tenants.items()}
)
pulumi.export("logins", logins)
pulumi.export("admin_login", admin_login)
