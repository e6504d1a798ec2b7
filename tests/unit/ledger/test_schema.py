from pathlib import Path

import ledger
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from ledger import schema


def test_the_list_of_revisions_is_that_of_the_migrations() -> None:
    config = Config()
    folder = Path(ledger.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


@pytest.mark.parametrize(
    ("revision", "problem"),
    [
        (None, "the schema is missing; run `ledger migrate` (needed: 0003)"),
        ("0002", "the schema is at 0002; run `ledger migrate` (needed: 0003)"),
        ("0003", None),
        ("0004", None),  # Left by a newer release that was rolled back: it only expanded.
    ],
)
def test_a_release_serves_with_its_own_schema_or_a_newer_one(
    revision: str | None, problem: str | None
) -> None:
    assert schema.problem(revision) == problem
