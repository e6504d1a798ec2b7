"""Dms: a Django backend without containers and its page on one server, their database elsewhere.

What differs between staging and production stands in Pulumi.<stack>.yaml. What runs on a server
stands in server.py; a stack has one server, or more that are like it, its replicas.
"""

import pulumi

from components.dns import DnsRecords, DnsRecordsArgs, address_records
from systems.dms import database_server, places, server
from systems.dms.config import DmsConfig

config = DmsConfig.load()
machines = [(place, server.create(place)) for place in places.every(config)]
own = database_server.run(config, clients=[machine.address for _, machine in machines])

dns = []
if config.dns and config.dns.manage:
    zone = config.dns.zone
    records = []
    for place, machine in machines:
        hostnames = [place.config.domain, *place.config.site.redirects_from]
        records += address_records(zone, hostnames, machine.address)
    if own:
        records += address_records(zone, [config.database.host], own.address)
    args = DnsRecordsArgs(
        zone=zone,
        create_zone=config.dns.create_zone,
        protect=config.server.protect,
        records=records,
    )
    dns = [DnsRecords("dns", args)]

outputs, *others = (server.serve(place, machine, own, dns) for place, machine in machines)

for name, value in outputs.items():
    pulumi.export(name, value)
if own:
    pulumi.export("database_ssh", own.service.host.ssh_command)
if others:
    pulumi.export("replicas", dict(zip(config.replicas, others, strict=True)))
pulumi.export("release_settings", {"backend": "app.source", "page": "page"})
