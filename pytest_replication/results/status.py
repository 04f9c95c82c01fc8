"""Results held against the exit status that their run came to: whoever ran it knows that."""

from __future__ import annotations

from pytest_replication.faults import STATUS, fault
from pytest_replication.results.file import Results


def held_against(results: Results, status: int) -> Results:
    """Make an error of results that are not those of a run with this exit status.

    They may be of an earlier run, or this one broke after they were written. Copies stay copies.

    Args:
        results: of a run.
        status: that it ended with, as the shell has it.

    Returns:
        The same results, or others with one fault more.
    """
    told = results.run.get("exit_status")
    if told == status and (status == 0 or results.outcome != "pass"):
        return results
    why = "" if told == status else f", the results tell {told}"
    said = f"the run ended with exit status {status}{why}: what they say of checks is not all that happened"
    run = {**results.run, "faults": [*results.run["faults"], fault(STATUS, said)]}
    outcome = results.outcome if results.outcome == "fail" else "error"
    return Results(results.path, {**results.data, "run": run, "outcome": outcome})
