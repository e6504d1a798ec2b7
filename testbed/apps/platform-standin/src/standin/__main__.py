"""Runs one of the services, or the migration of the one that has a schema."""

import importlib
import sys

SERVICES = ("auth", "rest", "realtime", "mail")


def main(arguments: list[str]) -> int:
    """Run a service until SIGTERM, or `auth migrate` once."""
    service, *rest = arguments or [""]
    if service not in SERVICES or rest not in ([], ["migrate"]) or (rest and service != "auth"):
        sys.stderr.write(f"usage: standin {'|'.join(SERVICES)} | standin auth migrate\n")
        return 2
    module = importlib.import_module(f"standin.{service}")
    (module.migrate if rest else module.serve)()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
