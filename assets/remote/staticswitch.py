#!/usr/bin/python3 -B
"""Gives a release of a static app its traffic: one rename, and no request meets two releases.

Before, the release takes over the hashed files of the one that is live, so that a page which was
loaded a moment ago still gets what it names. After, the site is asked through the proxy; if that
does not give what the release holds, although it did before, the release before is served again.
"""

import http.client
import json
import sys
import time
import urllib.parse

import _proxied
from _homeport import Spec, fail, lock, main, read_receipt, remove_receipt, write_receipt
from _static import adopt, live, lock_name, manifest, place, point, receipt, sites

TRY_SECONDS = 5
PAUSE_SECONDS = 0.1
INDEX = "index.html"


def up(spec: Spec) -> None:
    """Switch and try, or leave everything as it was."""
    release = spec["release"]
    with lock(lock_name(spec)):
        before = live(spec)
        well = before is not None and problem(spec, before, [INDEX]) == ""
        known = read_receipt(spec, receipt(spec, release))
        adopt(spec, release, before, spec["keep_releases"])
        # Written before the switch: should this process die in between, it can still be removed.
        write_receipt(spec, receipt(spec, release), {"release": release})
        point(spec, release)
        found = try_out(spec, pages(spec, release, before)) if well else ""
        if found:
            point(spec, before)
            if not known:
                remove_receipt(spec, receipt(spec, release))
            what = f"release {release} is not what its visitors get: {found}"
            fail(what, "", "the release before serves again; look at the proxy's log, `journalctl`")
    sys.stdout.write(json.dumps({"before": before, "live": release, "probed": well}) + "\n")


def pages(spec: Spec, release: str, before: "str | None") -> "list[str]":
    """Return what tells the release from the one before: its index, and a file that has changed."""
    old = manifest(spec, before)["site"] if before else {}
    site = manifest(spec, release)["site"]
    changed = [path for path, sha256 in site.items() if old.get(path) != sha256 and path != INDEX]
    return [INDEX, *changed[:1]]


def try_out(spec: Spec, paths: "list[str]") -> str:
    """Return what visitors get instead of the release; empty when they get it."""
    deadline = time.monotonic() + spec.get("try_seconds", TRY_SECONDS)
    while found := problem(spec, spec["release"], paths):
        if time.monotonic() > deadline:
            return found
        time.sleep(PAUSE_SECONDS)
    return ""


def problem(spec: Spec, release: str, paths: "list[str]") -> "str | None":
    """Return what is wrong when these files are asked for where sites serve them; None without one.

    A site with a password, or closed, has something wrong before the switch too.
    """
    served = sites(spec)
    for site in served:
        for path in paths:
            below = site["path"].rstrip("/")
            asked = f"{below}/{'' if path == INDEX else urllib.parse.quote(path)}"
            url = f"https://{site['hostname']}{asked} on this host"
            try:
                port = spec.get("proxy_port", 443)
                status, body = _proxied.get(site["hostname"], asked, TRY_SECONDS, port)
            except (OSError, http.client.HTTPException) as error:
                return f"{url}: {type(error).__name__}: {error}"
            if status != 200:
                return f"{url} gave {status}"
            if body != (place(spec, release) / "site" / path).read_bytes():
                return f"{url} gave something else than {path} of release {release}"
    return "" if served else None


if __name__ == "__main__":
    main({"up": up})
