"""Checks of samples as a set: each measures, tests, and gives a verdict of its own."""
