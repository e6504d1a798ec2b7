"""The engine's wire format for property values, decoded to plain data that keeps secrets apart."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

_MARK = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_RESOURCE = rpc._special_resource_sig


@dataclasses.dataclass(frozen=True)
class Secret:
    """A value that was marked secret; compared by value, shown as [secret]."""

    value: Any = dataclasses.field(repr=False)

    def __repr__(self) -> str:
        return "[secret]"


class _Unknown:
    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN = _Unknown()
"""A value that only an `up` would know."""


def decode(message: Any) -> Any:
    """Return plain data: whole numbers as int, secrets as Secret, resources as their URN."""
    return _decode(json_format.MessageToDict(message))


def _decode(value: Any) -> Any:
    if value == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_MARK) == _SECRET:
        return Secret(_decode(value["value"]))
    if value.get(_MARK) == _RESOURCE:
        return value["urn"]
    return {key: _decode(item) for key, item in value.items() if key != _MARK}


def encode(values: Mapping[str, Any], *, secret: Iterable[str] = ()) -> Struct:
    """Return a message of plain values; those named in `secret` are marked."""
    message = Struct()
    message.update(values)
    hide(message, secret)
    return message


def hide(message: Struct, names: Iterable[str]) -> None:
    """Mark the named values of a message as secret; names that it has not are passed over."""
    for name in names:
        if name in message.fields and not isinstance(decode(message).get(name), Secret):
            plain = Value()
            plain.CopyFrom(message.fields[name])
            marked = message.fields[name].struct_value
            marked.fields[_MARK].string_value = _SECRET
            marked.fields["value"].CopyFrom(plain)


def reveal(value: Any) -> Any:
    """Return the data with every secret in clear: what a provider sees."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value
