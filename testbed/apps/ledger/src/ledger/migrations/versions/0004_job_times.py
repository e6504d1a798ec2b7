"""Contracts jobs: takes away what releases that know no more than 0003 count on."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Removes the column, and says which releases cannot work without it."""
    op.execute("ALTER TABLE jobs DROP COLUMN created_at")
    op.execute(f"COMMENT ON TABLE alembic_version IS '{revision}'")


def downgrade() -> None:
    """Adds the column anew; when the jobs of before were made is lost."""
    op.execute("ALTER TABLE jobs ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()")
    op.execute("COMMENT ON TABLE alembic_version IS NULL")
