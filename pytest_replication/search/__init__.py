"""Nearest training images of samples. The exact scan decides."""

from pytest_replication.search.exact import search
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches, name_matches
from pytest_replication.search.neighbours import Neighbours, SearchedBy
from pytest_replication.search.subject import Subject

__all__ = ["Match", "Matches", "Neighbours", "SearchedBy", "Subject", "name_matches", "search"]
