"""Lets `python -m ledger` do what the command `ledger` does."""

from ledger.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
