from __future__ import annotations

import pytest

from pytest_replication._plugin.settings.values import (
    READY_TESTS,
    ci,
    count,
    gates,
    missing,
    number,
    option,
    parts,
    points,
    prompts,
    rate,
    recall,
    score,
    share,
    size,
    switch,
    text,
    whole,
)


@pytest.mark.parametrize(
    ("parse", "good", "value"),
    [
        (number, "0.5", 0.5),
        (number, "0", 0.0),
        (count, "7", 7),
        (missing, "skip", "skip"),
        (switch, "True", True),
        (switch, "off", False),
        (text, "x", "x"),
        (option, "steps=25", "steps=25"),
        (score, "1", 1.0),
        (share, "0", 0.0),
        (rate, "0.01", 0.01),
        (recall, "0.999", 0.999),
        (points, "4", 4),
        (parts, "False", False),
        (parts, "12", 12),
        (whole, "0", 0),
        (prompts, ["a cat"], ("a cat",)),
        (prompts, "captions", "captions"),
        (size, "20MB", 20_000_000),
        (ci, "summary, properties", "summary,properties"),
        (ci, "off", "off"),
        (gates, "on", READY_TESTS[:1]),
        (gates, "off", ()),
        (gates, "rate,control", ("rate", "control")),
        (gates, "rate control rate", ("rate", "control")),
    ],
)
def test_good_values(parse: object, good: object, value: object) -> None:
    assert parse(good) == value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("parse", "bad"),
    [
        (number, "nan"),
        (number, "inf"),
        (number, "50%"),
        (count, "0"),
        (count, "1.5"),
        (missing, "ignore"),
        (switch, "maybe"),
        (text, " "),
        (option, "steps"),
        (option, "=25"),
        (score, "-1"),
        (score, "1.1"),
        (share, "1"),
        (rate, "0"),
        (recall, "1"),
        (points, "3"),
        (parts, "0"),
        (whole, "-1"),
        (prompts, []),
        (prompts, ["a cat", 3]),
        (size, "much"),
        (ci, "auto,summary"),
        (gates, "rate,contrl"),
        (gates, "tests/"),
    ],
)
def test_bad_values(parse: object, bad: object) -> None:
    with pytest.raises(ValueError):
        parse(bad)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("bad", "hint"),
    [("5%", "write 0.05"), ("0,9", "write 0.9"), ("5 %", "write 0.05"), ("half", "not a number$")],
)
def test_how_to_write_a_number_is_told(bad: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        number(bad)
