"""A run compared with that of the last release: what rose beyond chance, which images are new."""

from __future__ import annotations

from pytest_replication.baseline.changes import Change as Change
from pytest_replication.baseline.changes import Compared as Compared
from pytest_replication.baseline.changes import Comparison as Comparison
from pytest_replication.baseline.comparing import LEVEL as LEVEL
from pytest_replication.baseline.comparing import Allowed as Allowed
from pytest_replication.baseline.comparing import compare as compare
