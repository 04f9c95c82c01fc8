"""What a call asks for, and what the run, the index or a default says where it leaves that open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from pytest_replication.accepted import NOTHING, Accepted
from pytest_replication.accepted.file import read_accepted
from pytest_replication.choices import CanaryChoice, EngineChoice
from pytest_replication.errors import ReplicationError, SettingsError, is_breakage
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.object_rules import ObjectsGiven, find_object_rule
from pytest_replication.policy import Policy
from pytest_replication.rules import find_policy
from pytest_replication.surroundings import Surroundings


@contextmanager
def breakage_told(run: Surroundings | None, what: str = "check") -> Iterator[None]:
    """Tell the run of whatever goes wrong inside the block, which is an error of the gate in any case.

    Args:
        run: None outside of one.
        what: what it is that may break down.

    Raises:
        ReplicationError: for any exception that is none.
    """
    try:
        yield
    except BaseException as error:
        if not is_breakage(error):
            raise
        if run is not None:
            run.broke()
        if isinstance(error, ReplicationError):
            raise
        raise ReplicationError(f"the {what} broke down: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for; None leaves it to the pytest run, or to the index.

    Attributes:
        threshold: as the arguments of `check_replication`, as are all up to ``name``.
        per: what the rate counts: ``sample`` or ``prompt``.
        claimed: whether the call is about a rate, so that one of 0 is a mistake.
    """

    threshold: float | None = None
    max_rate: float | None = None
    index: Index | str | os.PathLike[str] | None = None
    confidence: float = 0.95
    top_k: int = 5
    engine: EngineChoice | None = None
    allow_unproved: bool | None = None
    accepted: Accepted | str | os.PathLike[str] | None = None
    fdr: float | None = None
    canaries: int | None = None
    complexity: bool | None = None
    objects: ObjectsGiven = None
    name: str = ""
    per: str = "sample"
    claimed: bool = False


def index_for(given: Index | str | os.PathLike[str] | None, run: Surroundings | None) -> Index:
    """The index that a check is about: that of the call, else that of the run.

    Raises:
        SettingsError: there is none.
        IndexUnavailable: it cannot be used.
    """
    if isinstance(given, Index):
        return given
    if given is not None:
        return open_index(given) if run is None else run.index(os.fspath(given))
    if run is None:
        raise SettingsError(
            "there is no index to check against: outside a pytest test (or in another thread of one) "
            "give index=, an open index or its folder"
        )
    return run.index()


def choose_canaries(given: object, run: Surroundings | None) -> CanaryChoice:
    """How many canaries a call wants, else the run.

    Raises:
        SettingsError: no number of them.
    """
    chosen = (given, "call") if given is not None else None
    if chosen is None and run is not None:
        chosen = run.canaries()
    if chosen is None:
        return CanaryChoice()
    count, source = chosen
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
        raise SettingsError(f"canaries is {count!r} ({source}); expected a whole number from 0 on")
    return CanaryChoice(int(count), source)


def choose_allowed(given: object, run: Surroundings | None) -> bool:
    """Whether a call lets unproved vectors pass, else the run.

    Raises:
        SettingsError: neither yes nor no.
    """
    return run is not None and run.allow_unproved() if given is None else _switch("allow_unproved", given)


def asked_policy(asked: Asked, index: Index, run: Surroundings | None) -> Policy:
    """What the call tolerates, else the run, the index or its embedder.

    Raises:
        ReplicationError: as `rules.find_policy`; a file of accepted matches that cannot be read; a rate of 0
            that is claimed.
    """
    found = find_policy(asked.threshold, asked.fdr, asked.max_rate, asked.confidence, index, run)
    found = replace(found, allow_unproved=choose_allowed(asked.allow_unproved, run), per=asked.per)
    found = replace(found, accepted=_accepted(asked.accepted, run))
    found = replace(found, objects=find_object_rule(asked.objects, index, run))
    if asked.claimed and found.max_rate == 0:
        raise SettingsError("no number of samples proves a rate of 0: claim one above it, such as 0.01")
    return found


def choose_complexity(given: object, run: Surroundings | None) -> bool:
    """Whether a call wants the complexity figures of its images, else the run.

    Raises:
        SettingsError: neither yes nor no.
    """
    return run is not None and run.complexity() if given is None else _switch("complexity", given)


def _switch(name: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise SettingsError(f"{name} is {given!r}; expected True or False")
    return given


def _accepted(given: Accepted | str | os.PathLike[str] | None, run: Surroundings | None) -> Accepted:
    if isinstance(given, Accepted):
        return given
    path = given if given is not None or run is None else run.accepted()
    return NOTHING if path is None else read_accepted(os.fspath(path))
