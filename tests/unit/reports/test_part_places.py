from __future__ import annotations

import json
import re

import pytest
from made_results import made_check, made_pair, made_results

from pytest_replication.reports.markdown import summary
from pytest_replication.reports.part_places import part_place
from pytest_replication.reports.sarif import sarif_data
from pytest_replication.results import Results
from pytest_replication.results.private import without_private

PART = {
    "points": 23,
    "sample": [[0.104, 0.2], [0.5, 0.18], [0.52, 0.9], [0.1, 0.9]],
    "training": [[0.0, 0.0], [1.0, 0.0], [1.02, 1.0], [-0.1, 1.0]],
}
PLACE = "10 to 52 % across, 18 to 90 % down of the sample, 0 to 100 % across, 0 to 100 % down of the training image"


def test_the_boxes_of_both_parts_are_told():
    assert part_place({"part": PART}) == PLACE


@pytest.mark.parametrize(
    "part", [None, {}, 3, PART | {"sample": []}, PART | {"sample": [[0.1]]}, PART | {"training": [["x", 1]]}]
)
def test_without_corners_there_is_no_place(part):
    assert part_place({"part": part}) == ""


def test_summary_and_sarif_say_where_a_part_lies():
    whole, of_part = made_pair(0), made_pair(1) | {"kind": "object", "part": PART}
    objects = {"points": 9, "points_source": "default", "replicated": 1, "control": None}
    results = made_results(made_check(pairs=[of_part, whole], replicated=2, objects=objects))
    page = summary(results)
    assert "copied part" in page
    assert f"| {PLACE} |" in page
    messages = [each["message"]["text"] for each in sarif_data(results)["runs"][0]["results"]]
    assert sum(f"(a part, 23 points: {PLACE})" in message for message in messages) == 1
    private = Results(results.path, without_private(results.data))
    assert not re.search("across", summary(private) + json.dumps(sarif_data(private)))


def test_pairs_of_whole_images_have_no_column_of_parts():
    assert "copied part" not in summary(made_results(made_check()))
