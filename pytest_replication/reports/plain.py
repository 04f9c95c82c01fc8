"""Frozen dataclasses ↔ plain data for JSON, strictly: each value has the type that its field declares.

A field may stay out, or be stored under another name (`stored_fields`). Numbers keep every digit; what is no
finite number is refused on both ways.
"""

from __future__ import annotations

import collections.abc
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from pytest_replication.stored_fields import stored_fields

Reader = Callable[[Any], Any]


def pack(value: Any) -> Any:
    """Turn a value into plain data.

    Args:
        value: None, a bool, number, text, enum of texts, or a tuple, mapping or dataclass of such.

    Raises:
        ValueError: a number that is not finite, or a value of another kind.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no finite number")
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [pack(entry) for entry in value]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {key: pack(entry) for key, entry in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: pack_field(value, field) for name, field in stored_fields(type(value)).items()}
    raise ValueError(f"a {type(value).__name__} has no form in plain data")


def pack_field(value: Any, field: Field[Any]) -> Any:
    """Turn one field of a dataclass into plain data.

    Raises:
        ValueError: as `pack`, with the name of the field.
    """
    try:
        return pack(getattr(value, field.name))
    except ValueError as error:
        raise ValueError(f"{field.name}: {error}") from error


def unpack(kind: Any, data: Any) -> Any:
    """Make a value of a type again from what `pack` made of it.

    Args:
        kind: the type, as a field would declare it.
        data: plain data.

    Raises:
        ValueError: a value has another type, a field is missing or unknown, or a number is not finite.
    """
    return reader(kind)(data)


@cache
def reader(kind: Any) -> Reader:
    """What reads one type; see `unpack`."""
    if kind is None or kind is type(None):
        return _nothing
    if kind is float:
        return _number
    if kind in (bool, int, str):
        return _exactly(kind)
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return _one_of(tuple(reader(each) for each in get_args(kind)))
    if origin is tuple:
        return _sequence(get_args(kind))
    if origin is collections.abc.Mapping:
        return _mapping(*get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda data: kind(_exactly(str)(data))
    if isinstance(kind, type) and is_dataclass(kind):
        return _object(kind)
    return _never  # such as bytes: only None is stored of a field that may hold them


def _exactly(kind: type) -> Reader:
    def read(data: Any) -> Any:
        if type(data) is not kind:  # True is no 1
            raise ValueError(f"{_shown(data)} is no {kind.__name__}")
        return data

    return read


def _number(data: Any) -> float:
    if type(data) not in (float, int) or not math.isfinite(data):
        raise ValueError(f"{_shown(data)} is no finite number")
    return float(data)


def _nothing(data: Any) -> None:
    if data is not None:
        raise ValueError(f"{_shown(data)} stands where nothing should")


def _never(data: Any) -> Any:
    raise ValueError(f"{_shown(data)} cannot be read")


def _one_of(readers: tuple[Reader, ...]) -> Reader:
    def read(data: Any) -> Any:
        for number, each in enumerate(readers):
            try:
                return each(data)
            except ValueError:
                if number == len(readers) - 1:
                    raise
        raise ValueError("a union of nothing")

    # None last: of a value that fits nothing, the other type has the better word.
    readers = tuple(sorted(readers, key=lambda each: each is not _nothing))
    return read


def _sequence(kinds: tuple[Any, ...]) -> Reader:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        each = reader(kinds[0])
        return lambda data: tuple(map(each, listed(data)))
    readers = [reader(kind) for kind in kinds]

    def read(data: Any) -> tuple[Any, ...]:
        if len(listed(data)) != len(readers):
            raise ValueError(f"{len(data)} values stand where {len(readers)} should")
        return tuple(each(value) for each, value in zip(readers, data, strict=True))

    return read


def _mapping(key: Any, value: Any) -> Reader:
    name, each = reader(key), reader(value)

    def read(data: Any) -> dict[Any, Any]:
        if type(data) is not dict:
            raise ValueError(f"{_shown(data)} is no object")
        return {name(key): each(value) for key, value in data.items()}

    return read


def _object(kind: type) -> Reader:
    readers = field_readers(kind)
    _require_defaults(kind)
    return lambda data: kind(**read_fields(kind, readers, data))


def read_fields(kind: type, readers: Mapping[str, Reader], data: Any) -> dict[str, Any]:
    """Read fields of a dataclass from an object that has these and no others.

    Args:
        kind: the dataclass.
        readers: what reads each of the fields that are asked for, as `field_readers` gives them.
        data: plain data.

    Returns:
        The values by the names of the fields.

    Raises:
        ValueError: as `unpack`, with the name of the field.
    """
    if type(data) is not dict:
        raise ValueError(f"{_shown(data)} is no {kind.__name__}")
    if data.keys() != readers.keys():
        odd = min(readers.keys() ^ data.keys())
        raise ValueError(f"{kind.__name__} {'has no' if odd in readers else 'knows no'} {_shown(odd)}")
    names = {name: field.name for name, field in stored_fields(kind).items()}
    return {names[name]: _read_field(name, readers[name], value) for name, value in data.items()}


def field_readers(kind: type) -> dict[str, Reader]:
    """What reads each stored field of a dataclass, by its name in files and in its order."""
    hints = get_type_hints(kind)
    return {name: reader(hints[field.name]) for name, field in stored_fields(kind).items()}


def listed(data: Any) -> list[Any]:
    """Take a list.

    Raises:
        ValueError: it is none.
    """
    if type(data) is not list:
        raise ValueError(f"{_shown(data)} is no list")
    return data


def _read_field(name: str, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _require_defaults(kind: type) -> None:
    kept = {field.name for field in stored_fields(kind).values()}
    for field in fields(kind):
        bare = field.default is MISSING and field.default_factory is MISSING
        if field.name not in kept and bare:
            raise TypeError(f"{kind.__name__}.{field.name} is not stored and has no default")


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 40 else f"{text[:37]}…"
