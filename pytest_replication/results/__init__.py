"""The results of a run: one file of plain data, from which every report is rendered."""

from __future__ import annotations

from pytest_replication.results.file import Results as Results
from pytest_replication.results.file import read_results as read_results
from pytest_replication.results.file import write_results as write_results
