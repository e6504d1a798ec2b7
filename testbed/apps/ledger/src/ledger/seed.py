"""Sample entries, so that a new ledger is worth looking at."""

import psycopg
from psycopg.rows import dict_row

from ledger import entries

SAMPLES = (
    entries.NewEntry("Opening balance", 1_250_000, "Carried over from last year"),
    entries.NewEntry("Rent, January", -98_000),
    entries.NewEntry("Invoice 2031, Harbour Café", 184_050, "Paid within 14 days"),
    entries.NewEntry("Server, two cores", -759),
    entries.NewEntry("Coffee beans, 5 kg", -11_490),
    entries.NewEntry("Invoice 2032, North Pier Boats", 420_000),
)


async def seed(conninfo: str) -> int:
    """Adds the samples to an empty ledger; returns how many, 0 where there were entries."""
    async with await psycopg.AsyncConnection.connect(conninfo, row_factory=dict_row) as connection:
        # Two seeds at once: the second waits here, and then finds the entries of the first.
        await connection.execute("LOCK TABLE entries IN SHARE ROW EXCLUSIVE MODE")
        if (await entries.page(connection, 1)).count:
            return 0
        for sample in SAMPLES:
            await entries.add(connection, sample)
    return len(SAMPLES)
