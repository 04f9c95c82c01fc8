"""Which fields of a frozen dataclass are stored, and under which names."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import Field, fields
from functools import cache
from typing import Any

_KEY = "stored"
NOT_STORED: Mapping[str, Any] = types.MappingProxyType({_KEY: False})
"""Metadata of a field that stays out, and comes back as its default."""


def stored_as(name: str) -> Mapping[str, Any]:
    """Metadata of a field that files know by another name."""
    return types.MappingProxyType({_KEY: name})


@cache
def stored_fields(kind: type) -> Mapping[str, Field[Any]]:
    """Fields of a dataclass that are stored, in their order, by the names that files know them by."""
    named = ((field.metadata.get(_KEY, field.name), field) for field in fields(kind))
    return types.MappingProxyType({name: field for name, field in named if name is not False})
