"""What calls, options and settings may choose, where several modules have to know. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_POINTS = 4
"""Points below which parts of any two images agree, so that no rule may ask for fewer."""
EXACT = "exact"
"""Name of the scan that scores every row."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What may search in the place of the exact scan, and how far it is trusted.

    Attributes:
        engine: ``exact``, or the name of an approximate engine: what that finds is real and may fail
            a check.
        allow_approximate: let a check pass on the word of an approximate engine, under a certificate
            of its recall at the threshold of the check. Without one the exact scan decides.
        min_recall: what a certificate has to prove, between 0 and 1.
    """

    engine: str = EXACT
    allow_approximate: bool = False
    min_recall: float = 0.999


@dataclass(frozen=True, slots=True)
class CanaryChoice:
    """How many canaries of the index a check has to find.

    Attributes:
        count: canaries that go the way of the samples; 0 for no control, which every report says.
        source: where the number comes from, for people. An index without canaries is an error where
            somebody asked for some, and a warning by default.
    """

    count: int = 16
    source: str = "default"

    @property
    def asked_for(self) -> bool:
        """Whether somebody asked for this number."""
        return self.source != "default"
