"""Creates the entries of the ledger."""

from alembic import op

revision = "0001"
down_revision = None

UP = """
CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    description text NOT NULL CHECK (length(description) BETWEEN 1 AND 200),
    amount_cents bigint NOT NULL CHECK (amount_cents <> 0),
    created_at timestamptz NOT NULL DEFAULT now()
)
"""


def upgrade() -> None:
    """Adds the table."""
    op.execute(UP)


def downgrade() -> None:
    """Removes the table with all that is in it."""
    op.execute("DROP TABLE entries")
