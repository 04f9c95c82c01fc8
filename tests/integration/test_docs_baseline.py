"""What docs/baseline.md shows is what its commands print."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pytest_replication import BuildOptions, build_index

from .conftest import WITHOUT_XDIST
from .test_docs import ROOT, shown

TEXT = (ROOT / "docs" / "baseline.md").read_text(encoding="utf-8")
DATA = ROOT / "fixtures" / "fashion-mnist"


@pytest.fixture
def example(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example with the index that its commands build; their calibration takes longer than a test may."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (pytester.path / "fixtures").symlink_to(ROOT / "fixtures")
    folder = Path(shutil.copytree(ROOT / "examples" / "baseline", pytester.path / "examples" / "baseline"))
    monkeypatch.chdir(folder)
    build_index(DATA / "train-100.npz", folder / "index", BuildOptions(embedder="pixels", progress=False))
    return folder


def test_the_second_release_is_worse_and_its_new_images_are_named(
    pytester: pytest.Pytester, example: Path
) -> None:
    threshold = re.findall(r"threshold (\S+) \(calibration", TEXT)[0]
    first, second = [words for words in shown("pytest", TEXT) if any("samples-" in word for word in words)]
    common = (*WITHOUT_XDIST, "-p", "no:cacheprovider", f"--replication-threshold={threshold}", "--rootdir=.")
    assert pytester.runpytest_inprocess(*common, *first).ret == 0
    result = pytester.runpytest_inprocess(*common, *second)
    assert result.ret == 1
    printed = "\n".join(result.outlines)
    block = TEXT[TEXT.index("WORSE  replication gate") : TEXT.index("\n        …\n")]
    for line in block.splitlines():
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        assert re.search(f"^{pattern}", printed, re.MULTILINE), line
    assert "27 new training images replicated" in printed
