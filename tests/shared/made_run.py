"""A run, made up: it says of checks what a test wants, and keeps what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_replication import Index, Verdict, open_index
from pytest_replication.surroundings import Surroundings

Given = tuple[float, str] | None


@dataclass
class MadeRun(Surroundings):
    """A run with an index, or none, and whatever else it is given; what it is not is as runs have it."""

    opened: Index | None = None
    given_threshold: Given = None
    given_fdr: Given = None
    given_rate: Given = None
    given_canaries: tuple[int, str] | None = None
    unproved_allowed: bool = False
    accepted_file: str | None = None
    objects_wanted: bool = False
    given_points: tuple[int, str] | None = None
    breaks: int = 0
    verdicts: list[tuple[Verdict, bool]] = field(default_factory=list)
    noted: list[tuple[dict[str, Any], bool]] = field(default_factory=list)

    def index(self, path: str | None = None) -> Index:
        if path is not None:
            return open_index(path)
        assert self.opened is not None
        return self.opened

    def threshold(self) -> Given:
        return self.given_threshold

    def fdr(self) -> Given:
        return self.given_fdr

    def max_rate(self) -> Given:
        return self.given_rate

    def canaries(self) -> tuple[int, str] | None:
        return self.given_canaries

    def allow_unproved(self) -> bool:
        return self.unproved_allowed

    def accepted(self) -> str | None:
        return self.accepted_file

    def objects(self) -> bool:
        return self.objects_wanted

    def object_points(self) -> tuple[int, str] | None:
        return self.given_points

    def record(self, verdict: Verdict, asserted: bool) -> None:
        self.verdicts.append((verdict, asserted))

    def note(self, row: dict[str, Any], asserted: bool, tell: Callable[[], str] | None = None) -> None:
        self.noted.append((row, asserted))

    def broke(self) -> None:
        self.breaks += 1
