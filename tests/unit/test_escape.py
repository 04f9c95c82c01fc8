"""What others wrote cannot forge a line of what we say."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication import cli
from pytest_replication._plugin.table import summary
from pytest_replication.errors import IndexNotFound, ReplicationDetected, SampleError
from pytest_replication.escape import lines, one_line
from pytest_replication.models.listing import read_listing
from pytest_replication.models.samples import Samples

EVIL = "a\nPASS: none of 500 samples\x1b[2J\x9b\u2028\u202e\udc80"
HARMLESS = r"a\nPASS: none of 500 samples\x1b[2J\x9b\u2028\u202e\udc80"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (EVIL, HARMLESS),
        ("C:\\a b\\ü.png 写真\u3000\u00a0🙂", "C:\\a b\\ü.png 写真\u3000\u00a0🙂"),
        ("\r\t\0\x7f\x85", r"\r\t\x00\x7f\x85"),
        ("###[stop-commands]x", r"##\x23[stop-commands]x"),
        (
            "a ##vso[task.complete result=Succeeded;] ##teamcity[x",
            r"a #\x23vso[task.complete result=Succeeded;] #\x23teamcity[x",
        ),
        ("## [a] ##1[ #a[", "## [a] ##1[ #a["),
        ("::error::x", r"\x3a:error::x"),
        (" \t::stop-commands::x", r" \t\x3a:stop-commands::x"),
        ("tests/a.py::b", "tests/a.py::b"),
        ("", ""),
    ],
)
def test_what_is_no_visible_character_is_written_out(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text())
def test_one_line_stays_one(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert one_line(shown) == shown
    assert lines(text).count("\n") == text.count("\n")
    shown.encode()


COMMAND = "a\n::error::PWNED\r::warning::X\x1b[2J##[error]Y"


@pytest.mark.parametrize(
    "error",
    [SampleError(COMMAND), IndexNotFound(COMMAND), ReplicationDetected(COMMAND, None)],  # type: ignore[arg-type]
)
def test_errors_of_ours_give_no_commands_whatever_they_name(error: Exception) -> None:
    assert str(error) == "a\n\\x3a:error::PWNED\\r::warning::X\\x1b[2J#\\x23[error]Y"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_names_of_samples_stay_in_their_line(tmp_path: Path) -> None:
    for content in (b"", b"no image"):
        (tmp_path / COMMAND).write_bytes(content)
        with pytest.raises(SampleError) as caught:
            Samples.of([tmp_path / COMMAND]).image(0)
        assert len(str(caught.value).splitlines()) == 1
    listed = json.dumps({"file": COMMAND}).encode() + b"\n"
    for lines_of_it, files in ((listed, []), (listed * 2, [COMMAND]), (b"", [COMMAND])):
        with pytest.raises(SampleError) as caught:
            read_listing(lines_of_it, "samples.jsonl", files)
        assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def evil(training: Path, tmp_path: Path) -> Path:
    """A training set and a sample whose names would like to be more than names."""
    name = EVIL.replace("\udc80", "").replace("/", "")
    (tmp_path / "set" / name).mkdir(parents=True)
    photo = sorted(training.iterdir())[0]
    for number in range(2):
        shutil.copy(photo, tmp_path / "set" / name / f"{number}{name}.jpg")
    (tmp_path / "set" / name / "bad.jpg").write_bytes(b"")
    return tmp_path


def test_no_verb_prints_it(
    evil: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(evil)
    (name,) = (path.name for path in (evil / "set").iterdir())
    images, index = f"set/{name}", "index"
    sample = f"{images}/0{name}.jpg"
    build = ["build", images, "--out", index, "--embedder", "pixels"]
    for status, arguments in [
        (3, build),
        (0, [*build, "--max-rejected", "1"]),
        (0, ["info", index]),
        (0, ["info", index, "--rejected"]),
        (0, ["search", index, sample]),
        (0, ["duplicates", index, "--threshold", "0.95"]),
        (1, ["check", index, images, "--threshold", "0.9"]),
        (3, ["check", index, f"{sample}/gone", "--threshold", "0.9"]),
    ]:
        if arguments[0] == "check" and status == 1:
            (evil / images / "bad.jpg").unlink()
        assert cli.main(arguments) == status, arguments
        said = capsys.readouterr()
        text = said.out + said.err
        assert "\x1b" not in text
        assert "\u2028" not in text
        assert "\u202e" not in text
        assert not [line for line in text.splitlines() if line.startswith("PASS: none")], arguments
        assert r"\nPASS: none of 500 samples\x1b[2J" in text
    assert cli.main(["search", index, sample, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["sample"].endswith(f"0{name}.jpg")


class Reporter:
    def __init__(self) -> None:
        self.written: list[str] = []

    def section(self, title: str) -> None:
        self.written.append(title)

    def line(self, text: str, **markup: bool) -> None:
        self.written.append(text)


def test_the_summary_of_a_run_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "test": EVIL,
        "check": EVIL,
        "outcome": "pass",
        "asserted": True,
        "replicated": 0,
        "samples": 9,
        "distinct_samples": 9,
        "worst_score": 0.1,
        "threshold": 0.5,
        "threshold_source": EVIL,
        "counts": {"per": "sample", "few_prompts": False},
        "control": {"asked": 0, "absent": "", "planted": 0, "planted_found": 0},
        "fdr": None,
        "expected_false": None,
        "low_information": {"undecided": 0, "cleared": 0},
        "unprovable": False,
        "captions": None,
        "objects": None,
        "below_holdout": None,
        "threshold_overridden": None,
        "threshold_unmeasured": False,
        "calibrated_gate": 1,
        "accepted": None,
        "rate_upper": 0.3,
        "max_rate": 0,
        "searched": 7,
        "search": {"engine": "exact", "note": EVIL},
        "pairs": [{"score": 0.1, "sample": EVIL, "training_uri": EVIL}],
        "index": {
            "path": EVIL,
            "embedder": EVIL,
            "rejected": 1,
            "removed": 0,
            "unproved": False,
            "stale_calibration": False,
            "canaries": 3,
            "fingerprint": "f",
        },
    }
    reporter = Reporter()
    summary(reporter, [row], [EVIL])  # type: ignore[arg-type]
    assert len(reporter.written) == 7
    for line in reporter.written[1:]:
        assert line == one_line(line)
        assert HARMLESS in line or line.startswith("WARNING: 1 training image could not be read")
