"""Dms: a Django backend without containers and its page on one server, their database elsewhere.

What differs between staging and production stands in Pulumi.<stack>.yaml. What runs on a server
stands in server.py; a stack has one server, or more that are like it, its replicas.
"""

import pulumi

from components import program
from systems import web_server
from systems.dms import database_server, places, server
from systems.dms.config import DmsConfig

program.begin()
config = DmsConfig.load()
machines = []
for place in places.every(config):
    machine = web_server.create(
        place.config.server,
        packages=["nginx"],
        reverse_name=place.config.domain,
        named=place.named,
    )
    machines.append((place, machine))
own = database_server.run(config, clients=[machine.address for _, machine in machines])
names = [(place.hostnames, machine.address) for place, machine in machines]
if own:
    names.append(([config.database.host], own.address))
dns = web_server.lead(config.dns, names, protect=config.server.protect)

outputs, *others = (server.serve(place, machine, own, dns) for place, machine in machines)

for name, value in outputs.items():
    pulumi.export(name, value)
if own:
    pulumi.export("database_ssh", own.service.host.ssh_command)
if others:
    pulumi.export("replicas", dict(zip(config.replicas, others, strict=True)))
pulumi.export("release_settings", {"backend": "app.source", "page": "page"})
