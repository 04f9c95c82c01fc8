"""What samples remember of the prompts that they were made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompted:
    """Where the prompts of samples come from.

    Attributes:
        source: in words, with the seeds of each.
        generation: `Manifest.generation` of the index that the rows are of, which mean nothing for any
            other; empty without rows.
        rows: for each sample all rows of the index whose caption its prompt is, empty where it is none;
            nothing where no prompt is one.
    """

    source: str
    generation: str = ""
    rows: tuple[tuple[int, ...], ...] = ()
