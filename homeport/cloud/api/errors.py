"""Errors in the vendor's format: one class, and constructors that several modules need."""

from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

STATUS: Mapping[str, int] = {
    "json_error": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "resource_limit_exceeded": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "uniqueness_error": 409,
    "resource_in_use": 409,
    "resource_unavailable": 412,
    "placement_error": 412,
    "invalid_input": 422,
    "locked": 423,
    "protected": 423,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "service_error": 503,
    "maintenance": 503,
    "timeout": 504,
}
"""HTTP status by error code; every code that is missing here is a rule of one resource, and 422."""


class ApiError(Exception):
    """Ends a request with the vendor's error document."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,  # JSON, whatever the code's details hold
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.status = status or STATUS.get(code, 422)

    def document(self) -> dict[str, Any]:
        """Return the response body."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


def fields_error(fields: Mapping[str, Sequence[str]]) -> ApiError:
    """Return `invalid_input` for several fields, each with its messages."""
    names = ", ".join(f"'{name}'" for name in fields)
    noun = "field" if len(fields) == 1 else "fields"
    listed = [{"name": name, "messages": list(texts)} for name, texts in fields.items()]
    return ApiError("invalid_input", f"invalid input in {noun} {names}", details={"fields": listed})


def invalid(field: str, message: str) -> ApiError:
    """Return `invalid_input` for one field, with the reason in message and details."""
    details = {"fields": [{"name": field, "messages": [message]}]}
    return ApiError(
        "invalid_input", f"invalid input in field '{field}': {message}", details=details
    )


def not_found(kind: str, key: object) -> ApiError:
    """Return `not_found` for one resource."""
    return ApiError("not_found", f"{kind.replace('_', ' ')} with ID '{key}' not found")


def not_unique(kind: str, field: str) -> ApiError:
    """Return `uniqueness_error` for one field."""
    return ApiError(
        "uniqueness_error",
        f"{kind.replace('_', ' ')} {field} is already used",
        details={"fields": [{"name": field}]},
    )


def protected(kind: str, what: str = "deletion") -> ApiError:
    """Return `protected` for one resource."""
    return ApiError("protected", f"{kind.replace('_', ' ')} is protected against {what}")


def from_validation(error: pydantic.ValidationError) -> ApiError:
    """Turn pydantic's list of errors into the vendor's list of fields."""
    fields: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in item["loc"]) or "body"
        fields.setdefault(name, []).append(item["msg"].removeprefix("Value error, "))
    return fields_error(fields)
