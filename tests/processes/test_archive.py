"""The sample app archive, by its own tests, among the packages that its lock file names."""

import os
import subprocess

from uv import find_uv_bin

from homeport.paths import ROOT

APP = ROOT / "testbed/apps/archive"
ENVIRONMENT = {
    "SECRET_KEY": "of these tests, and of nothing else: nobody reads it",
    "ALLOWED_HOSTS": "testserver",
    "SQLITE_FILE": "unused",
    "RELEASE": "1.2.3",
    "GOOGLE_OAUTH2_CLIENT_ID": "archive.example.org",
    "GOOGLE_OAUTH2_CLIENT_SECRET": "of these tests",
    "GOOGLE_OIDC_ENDPOINT": "https://google.example.org",
}


def test_the_archive_keeps_what_it_promises() -> None:
    packages = ["--with-requirements", str(APP / "requirements.lock"), "--with-editable", str(APP)]
    isolated = [find_uv_bin(), "run", "--quiet", "--isolated", "--no-project", *packages]
    done = subprocess.run(
        [*isolated, "archive", "test", "--top-level-directory", str(APP), str(APP / "tests")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ENVIRONMENT,
        cwd=APP,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK" in done.stderr
