"""What makes a run as a whole not to be trusted, whatever its checks say. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

LOST, BROKE_DOWN, WORKER, STOPPED = "lost", "broke-down", "worker", "stopped"
RERUN, TURNED, NO_CHECK = "rerun", "turned", "no-check"
GATE, REGRESSION = "gate", "regression"
BASELINE, UNWRITTEN, STATUS = "baseline", "unwritten", "status"
KINDS = {
    LOST: "checks were made and did not arrive",
    BROKE_DOWN: "pytest or a worker broke down",
    WORKER: "a worker died: checks that it was making are missing",
    STOPPED: "the run was interrupted or stopped before its last test: checks are missing",
    RERUN: "a check did not pass and its test was run again until it did",
    TURNED: "a test failed of a check, or of an error of one, and was reported as if it had not",
    NO_CHECK: "no check that was asserted compared samples with the index, and "
    "--replication-require-checks is set",
    GATE: "a ready test did not pass, was left out, was skipped, or checked nothing",
    REGRESSION: "worse than the baseline",
    BASELINE: "the baseline could not be compared or written",
    UNWRITTEN: "the report could not be written whole",
    STATUS: "the run ended with another exit status than the results tell",
}
"""Kinds of faults, each in words that name nothing: they are all that private results tell."""


def fault(kind: str, text: str) -> dict[str, str]:
    """A fault of a run, as results have it.

    Args:
        kind: one of `KINDS`.
        text: what happened, one sentence.
    """
    return {"kind": kind, "text": text}


def fault_text(found: object) -> str:
    """What a fault of a file of results says."""
    return str(found.get("text", "")) if isinstance(found, Mapping) else str(found)


def kind_of(found: object) -> str:
    """Kind of a fault of a file of results; empty for one that tells none."""
    return str(found.get("kind", "")) if isinstance(found, Mapping) else ""


def is_regression(found: object) -> bool:
    """Whether a fault is that the run is worse than its baseline."""
    return kind_of(found) == REGRESSION
