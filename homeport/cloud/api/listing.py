"""Lists: filters, label selectors, sort order and pages."""

from collections.abc import Callable, Mapping, Sequence

from starlette.datastructures import QueryParams

from homeport.cloud.api import errors
from homeport.cloud.api.labels import parse_selector
from homeport.cloud.api.store import Doc

Query = QueryParams
_PER_PAGE, _MOST = 25, 50


def page(
    query: Query,
    docs: Sequence[Doc],
    sortable: Sequence[str],
    filters: Mapping[str, Callable[[Doc], object]],
) -> tuple[list[Doc], Doc]:
    """Return the page of documents that a query asks for, and the `meta` block to go with it.

    Raises:
        ApiError: `invalid_input` on page, per_page, sort or label_selector.
    """
    found = list(docs)
    for name, value_of in filters.items():
        wanted = query.getlist(name)
        if wanted:
            found = [doc for doc in found if str(value_of(doc)) in wanted]
    if selector := query.get("label_selector"):
        matches = parse_selector(selector)
        found = [doc for doc in found if matches(doc.get("labels") or {})]
    # Sorting is stable, so the last criterion goes first.
    for criterion in reversed(query.getlist("sort")):
        name, _, direction = criterion.partition(":")
        if name not in sortable or direction not in ("", "asc", "desc"):
            raise errors.invalid("sort", f"'{criterion}' is none of {', '.join(sortable)}")
        found = _sorted(found, name, descending=direction == "desc")
    return _cut(
        found, _positive(query, "page", 1), min(_positive(query, "per_page", _PER_PAGE), _MOST)
    )


def _sorted(docs: list[Doc], field: str, *, descending: bool) -> list[Doc]:
    return sorted(docs, key=lambda doc: _order(doc.get(field)), reverse=descending)


def _order(value: object) -> tuple[bool, bool, float, str]:
    number = isinstance(value, int | float)
    return (value is not None, number, float(value) if number else 0.0, str(value))  # type: ignore[arg-type]


def _positive(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise errors.invalid(name, f"'{text}' is not a positive number")
    return int(text)


def _cut(found: list[Doc], number: int, size: int) -> tuple[list[Doc], Doc]:
    last = max(1, -(-len(found) // size))
    pagination = {
        "page": number,
        "per_page": size,
        "previous_page": number - 1 if number > 1 else None,
        "next_page": number + 1 if number < last else None,
        "last_page": last,
        "total_entries": len(found),
    }
    start = (number - 1) * size
    return found[start : start + size], {"meta": {"pagination": pagination}}
