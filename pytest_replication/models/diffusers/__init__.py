"""Pipelines of the diffusers library."""

from pytest_replication.models.diffusers.model import DiffusersModel

__all__ = ["DiffusersModel"]
