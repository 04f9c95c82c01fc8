"""A run against the baseline of the last release: in pytest, and with the verb ``compare``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

import pytest_replication.results
from pytest_replication import open_index, read_results
from pytest_replication.cli import main

from .conftest import WITHOUT_XDIST

SCHEMA = json.loads((Path(pytest_replication.results.__file__).parent / "schema.json").read_text())
GATE = """
    def test_release(replication_samples, assert_no_replication):
        assert_no_replication(replication_samples)
"""
BASE = "--replication-baseline=base.json"
UPDATE = "--replication-update-baseline"
Run = Callable[..., pytest.RunResult]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory, training: Path) -> Path:
    """Samples of two releases: 24 each, of which the first copies one training photograph and the second 10."""
    folder = tmp_path_factory.mktemp("releases")
    photographs = sorted(training.iterdir())
    for release, copies in (("first", 1), ("second", 10)):
        (folder / release).mkdir()
        for number in range(24):
            path = folder / release / f"{number:02d}.png"
            if number < copies:
                with Image.open(photographs[number]) as image:
                    image.convert("RGB").resize((96, 64)).save(path)
            else:
                rng = np.random.default_rng([number, copies])
                noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
                Image.fromarray(noise).resize((48, 32), Image.Resampling.BICUBIC).save(path)
    return folder


@pytest.fixture
def gate(
    pytester: pytest.Pytester, built_pixels: Path, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run the gate on a release; a max rate of 70 % is so high that both pass by themselves."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(test_gate=GATE)

    def run(release: str, *args: str, rate: str = "0.7") -> pytest.RunResult:
        mode = () if "-n1" in args else WITHOUT_XDIST
        return pytester.runpytest_inprocess(
            "-p",
            "no:cacheprovider",
            f"--replication-index={built_pixels}",
            f"--replication-samples={releases / release}",
            f"--replication-max-rate={rate}",
            "--replication-threshold=0.9",
            *mode,
            *args,
        )

    return run


@pytest.fixture(scope="module")
def written() -> dict[str, bytes]:
    """Baselines that a test of this module has written already."""
    return {}


@pytest.fixture
def baseline(gate: Run, pytester: pytest.Pytester, written: dict[str, bytes]) -> Path:
    """The baseline that the first release has written."""
    if "first" in written:
        (pytester.path / "base.json").write_bytes(written["first"])
        return pytester.path / "base.json"
    result = gate("first", BASE, UPDATE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["there is no baseline */base.json yet", "the baseline */base.json was written: 1 check"]
    )
    written["first"] = (pytester.path / "base.json").read_bytes()
    return pytester.path / "base.json"


def test_a_release_that_is_worse_fails_though_the_limit_holds(
    gate: Run, baseline: Path, pytester: pytest.Pytester
) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(baseline.read_text()))
    result = gate("second", BASE, "--replication-report=out")
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "PASS * 10 of 24 replicated*",
            "*= replication baseline =*",
            "WORSE  *::test_release#1",
            "      replicated  1 of 24 (4.17 %: proves a rate above *) then, 10 of 24 (41.7 %: *) now",
            "      new training images that are replicated: 9",
            "        0.9999*  */photos/training/*.jpg  by */second/*.png*",
            "FAIL: worse than the baseline */base.json: *rate 4.17 % * 41.7 %*9 new training images replicated",
        ]
    )
    data = json.loads((pytester.path / "out" / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert data["outcome"] == "fail"
    assert [check["outcome"] for check in data["checks"]] == ["pass"]
    assert data["run"]["faults"][0]["text"].startswith("worse than the baseline")
    assert len(data["run"]["baseline"]["checks"][0]["new_images"]) == 9


def test_the_verb_says_the_same(gate: Run, baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate("second", "--replication-report=out")
    capsys.readouterr()
    assert main(["compare", str(baseline), "out"]) == 1
    said = capsys.readouterr().out
    assert "new training images that are replicated: 9" in said
    assert "FAIL: worse than the baseline" in said
    assert main(["compare", str(baseline), "out", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"][0]["change"] == "worse"
    assert main(["compare", "out", str(baseline)]) == 0
    assert "BETTER" in capsys.readouterr().out
    assert main(["compare", "out", "nowhere"]) == 3
    assert "there is no file of results at nowhere" in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong:
        main(["compare", "out", "out", "--level", "5"])
    assert wrong.value.code == 2


def test_what_cannot_be_told_is_no_pass_of_the_verb(
    baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(baseline.read_text())
    data["outcome"] = "error"
    (tmp_path / "broken.json").write_text(json.dumps(data))
    assert main(["compare", str(baseline), str(tmp_path / "broken.json")]) == 3
    assert "is: error" in capsys.readouterr().out
    data["outcome"] = "fail"
    for changes in (
        {"errors": [{"test": "t", "message": "no index"}]},
        {"faults": [{"kind": "lost", "text": "lost"}]},
        {"faults": [{"kind": "baseline", "text": "x"}, {"kind": "lost", "text": "lost"}]},
    ):
        (tmp_path / "broken.json").write_text(json.dumps(data | {"run": data["run"] | changes}))
        assert main(["compare", str(baseline), str(tmp_path / "broken.json")]) == 3
        said = capsys.readouterr().out
        assert "CANNOT TELL: the run" in said
        assert "PASS:" not in said
        assert main(["compare", str(baseline), str(tmp_path / "broken.json"), "--json"]) == 3
        assert json.loads(capsys.readouterr().out)["outcome"] == "error"
    (tmp_path / "failed.json").write_text(json.dumps(data))
    assert main(["compare", str(baseline), str(tmp_path / "failed.json")]) == 0
    said = capsys.readouterr().out
    assert "not worse beyond what chance explains\nof itself" in said
    assert "PASS:" not in said
    data["checks"] = []
    (tmp_path / "empty.json").write_text(json.dumps(data))
    assert main(["compare", str(tmp_path / "empty.json"), str(baseline), "--allow-missing"]) == 3
    assert "nothing was compared" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_brings_all_that_is_compared(gate: Run, baseline: Path) -> None:
    result = gate("second", BASE, "-n1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["      new training images that are replicated: 9", "FAIL: worse than*"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no baseline *base.json: write the first one with the same command and"),
        ("", "is no sound file of results*restore it; or move it away"),
        ("{}", "is no sound file of results*restore it; or move it away"),
        ('{"format": 9, "kind": "pytest-replication results"}', "format 9*: upgrade pytest-replication"),
        ('{"format": 0, "kind": "pytest-replication results"}', "format 0*: restore it; or"),
    ],
)
def test_a_baseline_that_cannot_be_read_ends_the_run_before_anything_is_measured(
    gate: Run, pytester: pytest.Pytester, content: str | None, told: str
) -> None:
    if content is not None:
        (pytester.path / "base.json").write_text(content)
    result = gate("first", BASE, "--replication-report=out")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: *{told}*"])
    left = read_results("out")  # CI shows what is there, and that is not of the run before
    assert (left.outcome, left.run["exit_status"], left.checks) == ("error", 4, [])
    assert [fault["kind"] for fault in left.run["faults"]] == ["baseline"]
    if content is not None:  # neither is such a file overwritten
        assert gate("first", BASE, UPDATE).ret == 4
        assert (pytester.path / "base.json").read_text() == content


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((UPDATE,), "*name one*"),
        ((UPDATE, "--replication-baseline=no/where.json"), "*there is no folder for the baseline*"),
        (
            (UPDATE, "--replication-baseline=out/base.json", "--replication-report=out"),
            "*which each run clears*",
        ),
    ],
)
def test_baselines_that_could_not_be_kept(gate: Run, args: tuple[str, ...], told: str) -> None:
    result = gate("first", *args)
    assert result.ret == 4
    result.stderr.fnmatch_lines([told])


def test_looking_reads_no_baseline(gate: Run) -> None:
    assert gate("first", BASE, "--collect-only").ret == 0


def test_a_run_that_is_red_writes_no_baseline(gate: Run, baseline: Path) -> None:
    before = baseline.read_bytes()
    result = gate("second", BASE, UPDATE, rate="0.01")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["the baseline * was not written: the run is not green"])
    assert gate("first", BASE, UPDATE, "-k", "nothing").ret not in (0, 1)
    assert baseline.read_bytes() == before


def test_an_update_takes_what_there_is_and_says_what_changed(gate: Run, baseline: Path) -> None:
    result = gate("second", BASE, UPDATE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["WORSE  *", "*new training images that are replicated: 9", "the baseline * was written*"]
    )
    assert read_results(baseline).checks[0]["replicated"] == 10
    assert gate("second", BASE).ret == 0


def test_an_update_loses_no_check_silently(gate: Run, baseline: Path, pytester: pytest.Pytester) -> None:
    before = baseline.read_bytes()
    pytester.makepyfile(test_gate=GATE.replace("test_release", "test_other"))
    result = gate("first", BASE, UPDATE)
    assert result.ret == 3
    result.stdout.fnmatch_lines(
        ["ERROR: not all checks can be compared*test_release#1 was not made in this run*"]
    )
    assert baseline.read_bytes() == before
    assert gate("first", BASE, UPDATE, "--replication-baseline-allow-missing").ret == 0
    assert [check["id"].rpartition("::")[2] for check in read_results(baseline).checks] == ["test_other#1"]


def test_an_update_takes_a_new_check(gate: Run, baseline: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_gate=GATE + GATE.replace("test_release", "test_other"))
    result = gate("first", BASE, UPDATE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ADDED  *test_other#1: not in the baseline", "the baseline * 2 checks"])
    assert gate("first", BASE).ret == 0


def test_a_run_that_is_repeated_hides_no_regression(
    gate: Run, baseline: Path, pytester: pytest.Pytester, releases: Path
) -> None:
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(
        test_gate=f"""
        runs = []

        def test_release(replication_samples, assert_no_replication):
            runs.append(1)
            release = {str(releases / "second")!r} if len(runs) == 1 else replication_samples
            assert_no_replication(release)
            assert len(runs) == 2, "something else"
        """
    )
    result = gate("first", BASE, "--reruns=1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["WORSE  *::test_release#rerun1", "FAIL: worse than the baseline*#rerun1: rate*"]
    )


def test_a_check_that_is_missing_is_an_error(gate: Run, baseline: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_gate=GATE + GATE.replace("test_release", "test_other"))
    result = gate("first", BASE)
    assert result.ret == 3
    result.stdout.fnmatch_lines(
        ["ERROR: not all checks can be compared*test_other#1 is not in the baseline*"]
    )
    assert gate("first", BASE, "--replication-baseline-allow-missing").ret == 0
    assert gate("first", BASE, "-k", "other", "--replication-baseline-allow-missing").ret == 3
    pytester.makeini("[pytest]\nreplication_baseline = base.json")
    assert gate("first", "-k", "other").ret == 3
    assert gate("first", "-k", "other", "--replication-baseline=off").ret == 0


def test_another_index_and_another_rule_are_not_compared(
    gate: Run, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = gate("first", BASE, "--replication-threshold=0.95", "--replication-report=out")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["ERROR: *rule score >= 0.9 then, score >= 0.95 now*"])
    assert [fault["kind"] for fault in read_results("out").run["faults"]] == ["baseline"]  # pytest is well
    assert main(["compare", str(baseline), "out"]) == 3
    capsys.readouterr()
    assert main(["compare", str(baseline), "out", "--allow-other-index"]) == 0  # what the refusal recommends
    told = capsys.readouterr().out.splitlines()
    assert "is: error (it could not be compared with its own baseline)" in told[-1]
    assert told[2].startswith("      note        not measured alike: rule score >= 0.9 then")
    data = json.loads(baseline.read_text())
    data["checks"][0]["index"]["fingerprint"] = "0" * 64
    baseline.write_text(json.dumps(data))
    assert gate("first", BASE).ret == 3
    result = gate("second", BASE, "--replication-baseline-allow-other-index")
    assert result.ret == 1  # the rate is still compared
    result.stdout.fnmatch_lines(["*note  *not measured alike: index 000000000000 then*", "FAIL: worse*"])


def test_a_private_run_has_a_private_baseline(gate: Run, pytester: pytest.Pytester) -> None:
    private = "--replication-report-private"
    assert gate("first", BASE, UPDATE, private).ret == 0
    written = (pytester.path / "base.json").read_text()
    assert ".jpg" not in written
    assert "first" not in written.replace('"first"', "")
    result = gate("second", BASE, private)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["      new training images that are replicated: 9"])
    assert gate("second", BASE).ret == 3  # one of them is not private


def test_a_baseline_has_no_pictures_and_no_half(
    gate: Run, pytester: pytest.Pytester, monkeypatch: Any
) -> None:
    assert gate("first", BASE, UPDATE, "--replication-report=out").ret == 0
    assert "pictures/" not in (pytester.path / "base.json").read_text()
    assert "pictures/" in (pytester.path / "out" / "results.json").read_text()
    before = (pytester.path / "base.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("pytest_replication.results.file.replace_file", full)
    result = gate("first", BASE, UPDATE)
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*the disk is full*"])
    assert (pytester.path / "base.json").read_bytes() == before


def test_a_run_without_a_check_is_not_compared(gate: Run, baseline: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_gate="def test_nothing(): pass")
    result = gate("first", BASE)
    assert result.ret == 3
    assert gate("first", BASE, UPDATE, "--replication-baseline-allow-missing").ret == 3
    assert read_results(baseline).checks


def test_what_breaks_a_comparison_is_an_error(gate: Run, baseline: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("pytest_replication.baseline.comparing.holm", lambda values: 1 / 0)
    result = gate("first", BASE)
    assert result.ret == 3
    result.stdout.fnmatch_lines(["ERROR: the baseline * cannot be compared: ZeroDivisionError*"])


def test_prompts_that_samples_share_stand_in_the_baseline(
    pytester: pytest.Pytester, built_pixels: Path
) -> None:
    pytester.makepyfile(
        """
        from PIL import Image
        from pytest_replication import Samples

        def test_prompts(assert_no_replication):
            images = [Image.radial_gradient("L").convert("RGB").rotate(9 * n).crop((n, 0, 200, 200)) for n in range(4)]
            prompts = ["a cat", "A  cat", "a dog", "a dog"]
            assert_no_replication(Samples.of(images, prompts=prompts), threshold=0.99)
        """
    )
    assert open_index(built_pixels).rows == 20
    given = (f"--replication-index={built_pixels}", BASE)
    assert pytester.runpytest_inprocess(*WITHOUT_XDIST, *given, UPDATE).ret == 0
    assert read_results(pytester.path / "base.json").checks[0]["clusters"] == [0, 0, 1, 1]
    assert pytester.runpytest_inprocess(*WITHOUT_XDIST, *given).ret == 0
