"""The parts of the pytest plugin. They import the standard library, pytest and light modules only."""
