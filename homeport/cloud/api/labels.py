"""Labels and label selectors, as the vendor accepts them."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated

import pydantic

from homeport.cloud.api import errors

_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = re.compile(rf"({_NAME})?")
_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}")
_RESERVED = "hetzner.cloud/"
_SET = re.compile(r"(\S+)\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(r"([^\s=!]+)\s*(==|=|!=)\s*(\S*)")

Selector = Callable[[Mapping[str, str]], bool]


def check_labels(labels: dict[str, str]) -> dict[str, str]:
    """Return the labels, or raise ValueError naming the first one that is wrong."""
    for key, value in labels.items():
        if not _KEY.fullmatch(key) or key.startswith(_RESERVED):
            msg = f"label key '{key}' is not correctly formatted"
            raise ValueError(msg)
        if not _VALUE.fullmatch(value):
            msg = f"label value '{value}' (key: {key}) is not correctly formatted"
            raise ValueError(msg)
    return labels


Labels = Annotated[dict[str, str], pydantic.AfterValidator(check_labels)]


def _values(text: str) -> set[str]:
    return {part.strip() for part in text.split(",") if part.strip()}


def _term(text: str) -> Selector:
    if match := _SET.fullmatch(text):
        key, operator, wanted = match[1], match[2], _values(match[3])
        if operator == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    if match := _EQUAL.fullmatch(text):
        key, operator, value = match[1], match[2], match[3]
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    key = text.removeprefix("!").strip()
    if not _KEY.fullmatch(key):
        raise errors.invalid(
            "label_selector", f"'{text}' is not a term like key, !key or key=value"
        )
    if text.startswith("!"):
        return lambda labels: key not in labels
    return lambda labels: key in labels


def parse_selector(text: str) -> Selector:
    """Return a predicate over labels; all comma-separated terms must hold.

    Raises:
        ApiError: `invalid_input` on `label_selector`.
    """
    terms = [_term(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    if not terms:
        raise errors.invalid("label_selector", "must not be empty")
    return lambda labels: all(term(labels) for term in terms)
