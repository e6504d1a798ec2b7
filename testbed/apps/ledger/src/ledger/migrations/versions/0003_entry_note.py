"""Expands entries by a note: releases that do not know the column go on working."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the column with a default, which Postgres does without rewriting the table."""
    op.execute(
        "ALTER TABLE entries ADD COLUMN note text NOT NULL DEFAULT '' CHECK (length(note) <= 1000)"
    )


def downgrade() -> None:
    """Removes the column with all notes."""
    op.execute("ALTER TABLE entries DROP COLUMN note")
