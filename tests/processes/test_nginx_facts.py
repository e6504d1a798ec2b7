"""The script that tells nginx what differs between machines."""

import os
import subprocess
from pathlib import Path

import pytest

from components.tools import ASSETS

AT_ONCE = 30


def script(folder: Path, version: str) -> tuple[Path, dict[str, str]]:
    """Return the script with a folder of its own, and the environment of a machine's nginx."""
    text = (ASSETS / "nginx" / "facts.sh").read_text()
    copy, program = folder / "facts.sh", folder / "bin" / "dpkg-query"
    copy.write_text(text.replace("/run/homeport-nginx", str(folder / "facts")))
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf %s {version}\n")
    program.chmod(0o755)
    return copy, os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("version", "https"), [("1.22.1-9", "listen 443 ssl http2;"), ("1.26.3-3", "http2 on;")]
)
def test_a_start_and_changes_of_nginx_may_ask_at_the_same_moment(
    version: str, https: str, tmp_path: Path
) -> None:
    copy, environment = script(tmp_path, version)
    running = [
        subprocess.Popen(["sh", str(copy)], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(AT_ONCE)
    ]
    assert {each.communicate()[1] for each in running} == {""}
    assert {each.returncode for each in running} == {0}
    written = {file.name for file in (tmp_path / "facts").iterdir()}
    assert written == {"http.conf", "https.conf", "keep.conf", "resolver.conf"}
    assert https in (tmp_path / "facts" / "https.conf").read_text().splitlines()
