"""Print, as JSON, the packages of this interpreter, and the plugins that they need."""

import importlib.metadata
import json
import pathlib
import sys

plugins = []
for folder in dict.fromkeys(sys.path):
    for file in sorted(pathlib.Path(folder).glob("*/pulumi-plugin.json")):
        plugin = json.loads(file.read_text())
        if not plugin.get("resource"):
            continue
        package = file.parent.name
        plugin["name"] = plugin.get("name") or package.removeprefix("pulumi_")
        plugin["version"] = plugin.get("version") or importlib.metadata.version(package)
        plugins.append(plugin)

packages = []
if "--packages" in sys.argv:
    for package in importlib.metadata.distributions():
        packages.append({"name": package.metadata["Name"], "version": package.version})

json.dump({"plugins": plugins, "packages": packages}, sys.stdout)
