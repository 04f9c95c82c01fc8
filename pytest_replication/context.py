"""Which run a check is part of, as the code that makes it sees it.

Apart from `pytest_replication.surroundings`: what is set around every test of every suite has to be small.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_replication.surroundings import Surroundings

RUN: ContextVar[Callable[[], Surroundings | None] | None] = ContextVar("replication_run", default=None)
"""What gives the run, once a check asks for it; None outside one, and in threads of their own."""
