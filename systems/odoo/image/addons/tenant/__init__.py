"""Gives the first user of a new database a password that nobody can guess."""

import os
import sys
from pathlib import Path
from typing import Any


def post_init_hook(env: Any) -> None:  # noqa: ANN401 - Odoo's own environment has no type here
    """Set the password that the file TENANT_PASSWORD_FILE holds; `-` is standard input.

    Without one the installation fails, and leaves no open door.
    """
    file = os.environ["TENANT_PASSWORD_FILE"]
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    password = text.rstrip("\n")
    if not password:
        raise ValueError("TENANT_PASSWORD_FILE holds no password")  # noqa: EM101
    env.ref("base.user_admin").write({"password": password})
