"""The results of a run as one page that needs nothing else: no network, no other file."""

from __future__ import annotations

from pytest_replication.reports.html.budget import least_budget as least_budget
from pytest_replication.reports.html.budget import require_budget as require_budget
from pytest_replication.reports.html.budget import room_for_pictures as room_for_pictures
from pytest_replication.reports.html.page import MARK as MARK
from pytest_replication.reports.html.page import html_report as html_report
