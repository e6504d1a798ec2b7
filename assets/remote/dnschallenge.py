#!/usr/bin/python3 -B
"""Answers an authority's question in the DNS, for certbot, which names it in its variables.

`up` ends when the zone's own servers have the answer; `down` takes this one away and leaves others.
"""

import os
import sys

import _dnschallenge
from _homeport import Spec, fail, main


def up(spec: Spec) -> None:
    """Put the answer there."""
    domain, value = asked()
    _dnschallenge.put(spec, domain, value)
    sys.stdout.write(f"{domain} can be asked about\n")


def down(spec: Spec) -> None:
    """Take the answer away."""
    _dnschallenge.take(spec, *asked())


def asked() -> "tuple[str, str]":
    """Return the name that is asked about, without `*.`, and the answer."""
    domain = os.environ.get("CERTBOT_DOMAIN", "")
    value = os.environ.get("CERTBOT_VALIDATION", "")
    if not domain or not value:
        fail("nobody asks", "", "let certbot run this, by `systemctl start` of the renewal")
    return domain.removeprefix("*."), value


if __name__ == "__main__":
    main({"up": up, "down": down})
