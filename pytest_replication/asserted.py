"""What a verdict is to a test: returned where it is a pass, else raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pytest_replication.errors import Inconclusive, ReplicationDetected
from pytest_replication.extraction_verdicts import ExtractionVerdict
from pytest_replication.screen_verdicts import ScreenVerdict
from pytest_replication.set_verdicts import SetVerdict
from pytest_replication.verdicts import Outcome, Verdict

V = TypeVar("V", bound=Verdict | ExtractionVerdict | SetVerdict | ScreenVerdict)


def asserted(verdict: V, show: Callable[[V], str]) -> V:
    """Return a verdict that is a pass.

    Args:
        verdict: what came out.
        show: what is said of it where it is none.

    Raises:
        ReplicationDetected: it is a failure.
        Inconclusive: it is neither; what cannot be told is no failure of the model, and never a pass.
    """
    __tracebackhide__ = True
    if verdict.outcome is Outcome.PASS:
        return verdict
    if verdict.outcome is Outcome.FAIL:
        raise ReplicationDetected(show(verdict), verdict)
    raise Inconclusive(show(verdict), verdict)
