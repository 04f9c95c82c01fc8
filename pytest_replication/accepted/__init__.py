"""Accepted matches: pairs that people looked at and decided about, in a reviewed file of the repository."""

from pytest_replication.accepted.entries import NOTHING, Acceptance, Accepted

__all__ = ["NOTHING", "Acceptance", "Accepted"]
