"""What the page on assertions about sets says is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pytest_replication import BuildOptions, build_index

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
MODEL = """
import numpy as np
from PIL import Image

def generate(seeds):
    return [Image.fromarray(np.random.default_rng(9000 + s).integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((24, 24)) for s in seeds]
"""
GIVEN = """
import pytest

@pytest.fixture
def images(replication_samples):
    return replication_samples

@pytest.fixture
def prompts(replication_samples):
    return [f"prompt {i}" for i in range(len(replication_samples))]
"""


@pytest.mark.slow
def test_the_examples_pass_for_a_model_that_copies_nothing(
    pytester: pytest.Pytester, picture: Callable[..., Image.Image]
) -> None:
    for folder, first, count in (("train", 0, 150), ("test", 1000, 3), ("holdout", 2000, 140)):
        (pytester.path / folder).mkdir()
        for seed in range(first, first + count):
            picture(seed, (24, 24)).save(pytester.path / folder / f"{seed}.png")
    build_index(
        pytester.path / "train", pytester.path / "index", BuildOptions(embedder="pixels", progress=False)
    )
    pytester.makeini(
        "[pytest]\npythonpath = .\nreplication_index = index\nreplication_model = my_model:generate\n"
        "replication_count = 300\nreplication_threshold = 0.9\n"
    )
    pytester.makepyfile(my_model=MODEL)
    pytester.makeconftest(GIVEN)
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    pytester.makepyfile("\n".join(examples))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines_random(
        [f"PASS *::test_{name} *" for name in re.findall(r"def test_(\w+)", PAGE)]
    )


def test_every_assertion_has_its_section() -> None:
    names = re.findall(r"^\| \[`(assert_\w+)`\]\(#([\w-]+)\)", PAGE, re.MULTILINE)
    headings = {h.lower().replace(" ", "-") for h in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)}
    assert len(names) == 6
    for name, anchor in names:
        assert anchor in headings
        assert f"{name}(" in PAGE
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name, _ in names if f"`{name}`" not in readme] == []


def test_the_table_of_error_rates_is_that_of_the_results() -> None:
    kept = json.loads((ROOT / "benchmarks" / "results" / "error_rates.json").read_text(encoding="utf-8"))
    assert kept["gates"] == 2000
    for row in kept["rows"]:
        held = f"{100 * row['held']:.2f} ± {100 * row['error']:.2f} %"
        assert f"| {row['case']} | {100 * row['promised']:g} % | {held}" in PAGE
        if row["promise"] != "assumption broken":
            assert row["kept"], row
