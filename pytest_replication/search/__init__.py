"""Nearest training images of samples. The exact scan decides."""

from pytest_replication.search.exact import search
from pytest_replication.search.matches import Match, Matches, Neighbours, SearchedBy, Subject, name_matches

__all__ = ["Match", "Matches", "Neighbours", "SearchedBy", "Subject", "name_matches", "search"]
