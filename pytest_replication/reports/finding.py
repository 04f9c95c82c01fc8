"""One thing that CI lists: of which kind it is, and where it stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pytest_replication.reports.about import FAILURES

REGRESSED, INCONCLUSIVE = "regression", "inconclusive"

BROKEN, NO_VERDICT, NO_CHECK = "error", "no-verdict", "no-check"

RULES = {
    **FAILURES,
    REGRESSED: "The model copies more than the last release did",
    INCONCLUSIVE: "Too few samples, or too little in them, to tell whether the model copies",
    BROKEN: "A check could not be made: nothing is known of the model",
    NO_VERDICT: "A test ended without a verdict: what it was to find out is not known",
    NO_CHECK: "No replication check was made",
}
"""What findings are of, in words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person has to look at.

    Attributes:
        rule: which of `RULES` it is of.
        failing: it makes the run red; else it was only measured, or is a warning.
        title: a few words.
        message: one line.
        test: id of the test; empty where it is of the run.
        file: of the test, relative, with forward slashes; empty where that is not known.
        line: of the test in the file, from 1 on.
        key: what stays the same in the next run, if that finds the same again.
        reported: pytest has reported the test as failed, with what it said.
        severity: how far it lies beyond its limit, from 0 to 1.
    """

    rule: str
    failing: bool
    title: str
    message: str
    test: str = ""
    file: str = ""
    line: int = 1
    key: str = ""
    reported: bool = False
    severity: float = 0.0

    @property
    def fingerprint(self) -> str:
        """The key as 64 hexadecimal digits."""
        return hashlib.sha256(
            "\0".join((self.rule, self.test, self.key)).encode(errors="replace")
        ).hexdigest()
