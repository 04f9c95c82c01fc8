"""Calibrate an index: from real images that the model never saw to a threshold with a known error.

The peer of `check`: where that judges samples, this measures how high innocent images score.
"""

from pytest_replication.calibrate.options import CalibrateOptions
from pytest_replication.calibrate.run import calibrate_index

__all__ = ["CalibrateOptions", "calibrate_index"]
