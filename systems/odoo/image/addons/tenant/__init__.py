"""Gives the first user of a new database the password of the file TENANT_PASSWORD_FILE."""

import os
from pathlib import Path
from typing import Any


def post_init_hook(env: Any) -> None:  # noqa: ANN401 - Odoo's own environment has no type here
    """Set the password; without a file the installation fails, and leaves no open door."""
    password = Path(os.environ["TENANT_PASSWORD_FILE"]).read_text(encoding="utf-8").rstrip("\n")
    env.ref("base.user_admin").write({"password": password})
