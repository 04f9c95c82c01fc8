"""The positive control: copies that are planted so that a gate has to find them."""

from pytest_replication.controls.gate import Guard, draw
from pytest_replication.controls.judged import Control, judge_control
from pytest_replication.controls.planting import Planted, plant, plant_originals, store_canaries

__all__ = [
    "Control",
    "Guard",
    "Planted",
    "draw",
    "judge_control",
    "plant",
    "plant_originals",
    "store_canaries",
]
