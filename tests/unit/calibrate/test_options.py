from __future__ import annotations

import numpy as np
import pytest

from pytest_replication import CalibrateOptions
from pytest_replication.errors import SettingsError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fpr": 0.0}, "fpr 0.0"),
        ({"fpr": float("nan")}, "fpr nan"),
        ({"fpr": 1.0}, "fpr 1.0"),
        ({"samples": 0}, "makes no sense"),
        ({"count": 1}, "makes no sense"),
        ({"plant": -1}, "to plant copies of"),
        ({"copies_from": 0.0}, "copies_from 0.0"),
        ({"copies_from": float("nan")}, "copies_from nan"),
        ({"max_copied": -0.1}, "max_copied is -0.1"),
        ({"max_copied": float("nan")}, "max_copied is nan"),
        ({"holdout": "unseen", "from_training": True}, "of one of the two"),
        ({"by": "colour"}, "by 'colour'"),
    ],
)
def test_options_outside_their_range_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        CalibrateOptions(**values)  # type: ignore[arg-type]


def test_a_holdout_in_memory_has_no_option_that_names_it() -> None:
    told = dict(CalibrateOptions(np.zeros((2, 4, 4, 3), np.uint8), fpr=0.05, objects=7).told)
    assert told == {"fpr": "0.05", "objects": "7"}
