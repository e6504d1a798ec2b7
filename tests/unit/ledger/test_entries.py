import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ledger import entries

AMOUNT_HELP = "must be a decimal number with at most two places, such as 12.50 or -3"


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("12.50", 1250),
        ("-3", -300),
        ("+0.01", 1),
        (" 7.5 ", 750),
        (4, 400),
        (Decimal("-4.20"), -420),
        ("9999999999.99", 999_999_999_999),
        ("-9999999999.99", -999_999_999_999),
    ],
)
def test_amounts_are_read_exactly(amount: object, cents: int) -> None:
    assert entries.parse({"description": "Ink", "amount": amount}).amount_cents == cents


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (None, "must be given, such as 12.50 or -3"),
        ("", "must be given, such as 12.50 or -3"),
        (True, "must be a number or decimal text, such as 12.50 or -3"),
        ([1], "must be a number or decimal text, such as 12.50 or -3"),
        (0.1, "must be a number or decimal text, such as 12.50 or -3"),
        ("1.005", AMOUNT_HELP),
        ("1,50", AMOUNT_HELP),
        ("1e3", AMOUNT_HELP),
        ("NaN", AMOUNT_HELP),
        ("\u0661", AMOUNT_HELP),
        (10**400, AMOUNT_HELP),
        (Decimal("1E+3"), AMOUNT_HELP),
        ("0.00", "must not be 0"),
        ("-0", "must not be 0"),
        ("10000000000", "must be from -9999999999.99 to 9999999999.99"),
    ],
)
def test_a_wrong_amount_is_refused_with_its_reason(amount: object, message: str) -> None:
    with pytest.raises(entries.InvalidEntryError) as caught:
        entries.parse({"description": "Ink", "amount": amount})
    assert caught.value.fields == {"amount": message}


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ([], {"body": "must be an object with description and amount"}),
        ({"amount": 1}, {"description": "must not be empty"}),
        ({"amount": 1, "description": " \n"}, {"description": "must not be empty"}),
        ({"amount": 1, "description": 5}, {"description": "must be text"}),
        (
            {"amount": 1, "description": "x" * 201},
            {"description": "must have at most 200 characters (has 201)"},
        ),
        (
            {"amount": 1, "description": "x", "note": "y" * 1001},
            {"note": "must have at most 1000 characters (has 1001)"},
        ),
        (
            {"amount": 1, "description": "a\0b"},
            {"description": "has a character that cannot be stored"},
        ),
        (
            {"amount": 1, "description": "\ud800"},
            {"description": "has a character that cannot be stored"},
        ),
        (
            {"amount": 1, "description": "x", "id": 5},
            {"id": "is unknown; known are description, amount, note"},
        ),
    ],
)
def test_wrong_fields_are_all_named(data: object, fields: dict[str, str]) -> None:
    with pytest.raises(entries.InvalidEntryError) as caught:
        entries.parse(data)
    assert caught.value.fields == fields


def test_text_is_trimmed_and_the_note_may_be_left_out() -> None:
    assert entries.parse({"description": " Ink ", "amount": 1}) == entries.NewEntry("Ink", 100)


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-12345, "-123.45")]
)
def test_money_is_decimal_text(cents: int, text: str) -> None:
    assert entries.money(cents) == text


def test_an_entry_says_null_until_the_worker_has_computed_its_balance() -> None:
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    entry = entries.Entry(7, "Ink", "", -420, None, created)
    assert json.loads(json.dumps(entry.as_json())) == {
        "id": 7,
        "description": "Ink",
        "note": "",
        "amount": "-4.20",
        "balance": None,
        "created_at": "2026-01-02T03:04:05.000+00:00",
    }
