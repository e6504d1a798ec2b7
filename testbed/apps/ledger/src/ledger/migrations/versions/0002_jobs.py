"""Creates the queue that the worker empties, and the column that it fills."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLE = """
CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    entry_id bigint NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'done', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    run_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
)
"""


def upgrade() -> None:
    """Adds the table, an index of what waits in it, and `entries.balance_cents`."""
    op.execute(TABLE)
    op.execute("CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state = 'queued'")
    op.execute("ALTER TABLE entries ADD COLUMN balance_cents bigint")
    op.execute(
        "INSERT INTO jobs (kind, entry_id) SELECT 'balance', min(id) FROM entries "
        "HAVING count(*) > 0"
    )


def downgrade() -> None:
    """Removes the queue and the balances, which can be computed again."""
    op.execute("ALTER TABLE entries DROP COLUMN balance_cents")
    op.execute("DROP TABLE jobs")
