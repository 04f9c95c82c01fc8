"""Prompts of a model under test: from a file, from a test, or from the captions of an index."""

from pytest_replication.prompts.base import Prompt, Prompts, Wanted
from pytest_replication.prompts.choose import load_prompts
from pytest_replication.prompts.sampling import draw_samples, sample_prompts

__all__ = ["Prompt", "Prompts", "Wanted", "draw_samples", "load_prompts", "sample_prompts"]
