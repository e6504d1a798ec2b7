"""A headless browser with a profile of its own, whose only added trust is the site's authority."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from homeport import smoke

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
]


@contextlib.contextmanager
def browser(site: smoke.Site, home: Path) -> Iterator[Chrome]:
    """Open a browser that finds the site's name at its address, and trusts its authority if any."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    database = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*database, "-N", "--empty-password"], check=True)
    if site.ca_file:
        trust = ["-A", "-t", "C,,", "-n", "site", "-i", site.ca_file]
        subprocess.run([*database, *trust], check=True)
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    mapped = f"--host-resolver-rules=MAP {site.hostname} {site.address}"
    for argument in [*ARGUMENTS, mapped, f"--user-data-dir={home}/profile"]:
        options.add_argument(argument)
    service = ChromeService(shutil.which("chromedriver"), env={**os.environ, "HOME": str(home)})
    opened = Chrome(options=options, service=service)
    try:
        yield opened
    finally:
        opened.quit()
