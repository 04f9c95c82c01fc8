"""Prompts of a model under test: from a file, from a test, or from the captions of an index."""

from pytest_replication.prompts.base import Prompt, Prompts, Wanted

__all__ = ["Prompt", "Prompts", "Wanted"]
