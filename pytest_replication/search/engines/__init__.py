"""Approximate engines: they propose stored vectors, the exact score decides.

An engine may make a check fail, since a real hit is a real hit. A check may pass on its word only
under a certificate of its recall, measured on this index, at this threshold, with these parameters.
"""

from pytest_replication.search.engines.base import Engine
from pytest_replication.search.engines.certificate import Certificate, Refusal
from pytest_replication.search.engines.entry import EngineEntry
from pytest_replication.search.engines.planting import planted
from pytest_replication.search.engines.recall import certify
from pytest_replication.search.engines.registry import engine_class, engine_names
from pytest_replication.search.engines.store import (
    add_certificate,
    build_engine,
    built_engines,
    damage,
    open_engine,
    read_entry,
)

__all__ = [
    "Certificate",
    "Engine",
    "EngineEntry",
    "Refusal",
    "add_certificate",
    "build_engine",
    "built_engines",
    "certify",
    "damage",
    "engine_class",
    "engine_names",
    "open_engine",
    "planted",
    "read_entry",
]
