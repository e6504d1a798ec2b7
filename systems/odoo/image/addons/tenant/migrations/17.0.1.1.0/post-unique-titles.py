"""Two notes of one title are no longer allowed: fails in a database that has such."""

from typing import Any


def migrate(cr: Any, version: str) -> None:  # noqa: ANN401, ARG001 - Odoo's own signature
    """Add the constraint."""
    cr.execute("ALTER TABLE note ADD CONSTRAINT note_title_unique UNIQUE (title)")
