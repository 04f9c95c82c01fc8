"""The report of a run: results and pictures in a folder, whatever runs the tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

import pytest_replication.results
from pytest_replication import read_results
from pytest_replication.cli import main

from .conftest import RunSuite

SCHEMA = json.loads((Path(pytest_replication.results.__file__).parent / "schema.json").read_text())
MANY = """
    import pytest

    @pytest.mark.parametrize("number", range(4))
    def test_many(number, assert_no_replication, check_replication):
        check_replication("photos/unrelated/moon.jpg", threshold=0.9)
        sample = "photos/training/cat.jpg" if number == 2 else "photos/unrelated/moon.jpg"
        assert_no_replication(sample, threshold=0.9, name="named")

    def test_set(assert_no_duplicates_within):
        assert_no_duplicates_within("photos/unrelated", 0.95)
"""
COPY = """
    def test_copy(assert_no_replication):
        assert_no_replication("photos/training/cat.jpg", threshold=0.9)
"""
PASS = """
    def test_moon(assert_no_replication):
        assert_no_replication("photos/unrelated/moon.jpg", threshold=0.9)
"""
REPORT = "--replication-report=out"


def valid(folder: Path) -> dict[str, Any]:
    """The results in a folder, as the schema and the reader both take them."""
    data = json.loads((folder / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert read_results(folder).data == data
    return data


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_check_stands_in_the_results_once(
    run_suite: RunSuite, pytester: pytest.Pytester, across: tuple[str, ...]
) -> None:
    assert run_suite(MANY, *across, REPORT).ret == 1
    data = valid(pytester.path / "out")
    file = "test_every_check_stands_in_the_results_once.py"
    ids = [f"{file}::test_many[{number}]#{place}" for number in range(4) for place in (1, 2)]
    assert [check["id"] for check in data["checks"]] == [*ids, f"{file}::test_set#1"]
    assert data["outcome"] == "fail"
    assert data["run"]["exit_status"] == 1
    assert {"name": "report", "value": str(pytester.path / "out"), "source": "command line"} in data["run"][
        "settings"
    ]
    failed = data["checks"][5]
    assert (failed["outcome"], failed["check"], failed["asserted"]) == ("fail", "named", True)
    assert failed["message"].startswith("1 of 1 samples replicates a training image")
    assert failed["scores"] == [1.0]
    assert 0 < failed["seconds"] < 60
    for pair in (failed["pairs"][0], data["checks"][0]["near_pairs"][0]):
        for path in pair["pictures"].values():
            with Image.open(pytester.path / "out" / path) as image:
                assert (image.format, max(image.size)) == ("WEBP", 384)
    assert [check["rerun"] for check in data["checks"]] == [False] * 9


def test_the_verb_tells_results_in_a_few_lines(
    run_suite: RunSuite, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run_suite(COPY, REPORT)
    where = pytester.path / "out" / "report.html"
    result.stdout.fnmatch_lines([f"*  look       {where} shows both images*", f"report: {where}"])
    capsys.readouterr()
    page = (pytester.path / "out" / "report.html").read_text()
    assert "1 of 1 sample replicates a training image." in page
    assert page.count("data:image/webp;base64,") == 1  # sample and training image are one picture
    again = pytester.path / "again.html"
    assert main(["report", str(pytester.path / "out"), "--html", str(again), "--private"]) == 0
    assert "cat.jpg" in page
    assert "cat.jpg" not in again.read_text()
    capsys.readouterr()
    assert main(["report", str(pytester.path / "out")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "FAIL: 1 check (1 fail)"
    assert "test_copy#1: 1 of 1 replicated, highest 1.000, threshold 0.9" in told[1]
    assert main(["report", str(pytester.path / "out" / "results.json"), "--private", "--json"]) == 0
    private = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SCHEMA).validate(private)
    assert private["private"] is True
    assert "cat.jpg" not in json.dumps(private)


def test_a_passing_run_says_so(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    assert run_suite(PASS, REPORT).ret == 0
    data = valid(pytester.path / "out")
    assert (data["outcome"], len(data["checks"])) == ("pass", 1)
    assert data["checks"][0]["message"] == ""
    assert "`report.html`, in the folder of the report" in (pytester.path / "out" / "summary.md").read_text()
    assert len(data["checks"][0]["near_pairs"]) == 1


def test_a_test_that_is_run_again_until_it_passes(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_rerunfailures")
    code = """
        tries = []

        def test_flaky(assert_no_replication):
            tries.append(1)
            name = "training/cat" if len(tries) == 1 else "unrelated/moon"
            assert_no_replication(f"photos/{name}.jpg", threshold=0.9)
    """
    assert run_suite(code, REPORT, "--reruns=2", "-p", "no:xdist").ret == 1
    data = valid(pytester.path / "out")
    checks = [(check["id"].partition("::")[2], check["rerun"], check["outcome"]) for check in data["checks"]]
    assert checks == [("test_flaky#rerun1", True, "fail"), ("test_flaky#1", False, "pass")]
    assert data["outcome"] == "fail"
    assert "was run again until it did" in data["run"]["faults"][0]["text"]


BROKEN = """
    import pytest
    from pytest_replication import ReplicationError

    def test_moon(assert_no_replication):
        assert_no_replication("photos/unrelated/moon.jpg", threshold=0.9)

    def test_empty(assert_no_replication):
        assert_no_replication([], threshold=0.9)

    def test_claim(assert_no_replication):
        assert_no_replication("photos/unrelated/moon.jpg", threshold=0.9, max_rate=0.1)

    def test_caught(assert_no_replication):
        with pytest.raises(ReplicationError):
            assert_no_replication([], threshold=0.9)
"""


def test_what_broke_is_told_and_is_no_pass(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    assert run_suite(BROKEN, REPORT, "-p", "no:xdist").ret == 1
    data = valid(pytester.path / "out")
    assert data["outcome"] == "error"
    ((test, said),) = [(error["test"], error["message"]) for error in data["run"]["errors"]]
    assert test.endswith("::test_empty")
    assert said.startswith("an empty list holds no samples")
    assert [name.partition("::")[2] for name in data["run"]["caught"]] == ["test_caught"]
    assert [check["outcome"] for check in data["checks"]] == ["inconclusive", "pass"]


def test_a_run_that_was_stopped_is_no_pass(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    code = PASS + "\n    def test_other(): assert False\n    def test_third(): pass\n"
    assert run_suite(code, REPORT, "-x").ret == 1
    data = valid(pytester.path / "out")
    assert data["outcome"] == "error"
    assert "the run was stopped" in data["run"]["faults"][0]["text"]
    assert data["checks"][0]["outcome"] == "pass"


@pytest.mark.slow
def test_a_worker_that_died_is_told(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    code = PASS + "\n    def test_dies():\n        import os\n        os._exit(9)\n"
    assert run_suite(code, REPORT, "-n1").ret != 0
    data = valid(pytester.path / "out")
    assert data["outcome"] == "error"
    assert any("the worker gw0 died" in fault["text"] for fault in data["run"]["faults"])


@pytest.mark.parametrize("where", ["a file", "a file below", "results of others"])
def test_a_folder_that_cannot_be_written_to_ends_the_run_at_once(
    run_suite: RunSuite, pytester: pytest.Pytester, where: str
) -> None:
    if where == "results of others":
        (pytester.path / "out").mkdir()
        (pytester.path / "out" / "results.json").write_text("{}")
    else:
        (pytester.path / "out").write_text("mine")
    below = "/below" if where == "a file below" else ""
    result = run_suite(COPY, f"{REPORT}{below}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *: name another folder*"])
    kept = pytester.path / "out" / ("results.json" if where == "results of others" else "")
    assert kept.read_text() in ("mine", "{}")


@pytest.mark.parametrize(("code", "status"), [(PASS, 3), (COPY, 1)])
@pytest.mark.parametrize("what", ["pages", "pictures"])
def test_a_full_disk_is_an_error_of_the_run_and_no_verdict(
    run_suite: RunSuite,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    status: int,
    what: str,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if what == "pages":
        monkeypatch.setattr("pytest_replication.results.file.replace_file", full)
    else:
        monkeypatch.setattr("pytest_replication.results.pictures.Pictures.add", full)
    result = run_suite(code, REPORT, "-p", "no:xdist")
    assert result.ret == status
    result.stdout.fnmatch_lines(["ERROR: *cannot be written *No space left on device*"])
    result.stdout.fnmatch_lines([f"{'PASS' if code == PASS else 'FAIL'} *"])
    if what == "pictures":
        data = valid(pytester.path / "out")
        assert data["outcome"] == ("error" if code == PASS else "fail")
        assert "No space left on device" in data["run"]["faults"][0]["text"]


def test_a_renderer_that_breaks_down_is_told(run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyError("score")

    monkeypatch.setattr("pytest_replication.reports.folder.RENDERED", {"page": broken})
    result = run_suite(PASS, REPORT, "-p", "no:xdist")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["ERROR: the report cannot be written to *(KeyError: 'score')"])


def test_a_budget_that_is_too_small_is_told_with_one_that_is_not(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    size = "--replication-report-budget"
    for small in ("1k", "50k"):
        result = run_suite(COPY, REPORT, f"{size}={small}")
        assert result.ret == 4  # before anything is measured
        result.stderr.fnmatch_lines(["ERROR: a page takes up to * kB with no more than the worst pair, *"])
        assert not (pytester.path / "out" / "report.html").exists()
    enough = re.search(r"give (\S+) or more as --replication-report-budget", str(result.stderr))
    assert enough
    result = run_suite(COPY, REPORT, f"{size}={enough[1]}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["report: *"])
    data = valid(pytester.path / "out")
    assert (data["outcome"], data["run"]["faults"]) == ("fail", [])
    assert (pytester.path / "out" / "report.html").stat().st_size < 60_000


def test_a_run_leaves_nothing_of_the_one_before(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    out = pytester.path / "out"
    run_suite(COPY, REPORT)
    before = {path.name for path in (out / "pictures").iterdir()}
    (out / "pictures" / "mine.webp").write_text("mine")
    run_suite(PASS, REPORT)
    after = {path.name for path in (out / "pictures").iterdir()}
    assert before
    assert not before & after
    assert "mine.webp" in after
    assert run_suite("def test_nothing(): pass", REPORT).ret == 0
    assert valid(out)["outcome"] == "none"
    run_suite(PASS, REPORT, "--collect-only")
    assert valid(out)["outcome"] == "none"


def test_a_private_report_shows_and_names_no_image(
    run_suite: RunSuite, pytester: pytest.Pytester, built_calibrated: Path
) -> None:
    private = "--replication-report-private"
    assert run_suite(COPY, REPORT, private, index=built_calibrated).ret == 1
    data = valid(pytester.path / "out")
    assert data["private"] is True
    assert not (pytester.path / "out" / "pictures").exists()
    for path in (pytester.path / "out").iterdir():
        assert re.findall(r"cat\.jpg|photos/|webp;base64", path.read_text()) == []
    null = data["checks"][0]["null"]
    assert len(null["edges"]) == len(null["counts"]) + 1
    assert sum(null["counts"]) == 120
    assert null["edges"][-1] >= 1.0


def test_a_budget_is_kept(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    code = """
        def test_copies(assert_no_replication):
            assert_no_replication("photos/training", threshold=0.9)
    """
    assert run_suite(code, REPORT, "--replication-report-budget=120kB").ret == 1
    out = pytester.path / "out"
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) <= 120_000
    check = valid(out)["checks"][0]
    shown = ["pictures" in pair for pair in check["pairs"]]
    assert 0 < sum(shown) < 20
    assert check["pictures_left_out"] == 20 - sum(shown)


def test_pixels_have_pictures_too(
    run_suite: RunSuite, pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, training: Path
) -> None:
    from pytest_replication import BuildOptions, build_index

    index = tmp_path_factory.mktemp("stored") / "index"
    build_index(
        [training / "cat.jpg", training / "coins.jpg"], index, BuildOptions(embedder="pixels", pixels=32)
    )
    code = """
        def test_pixels(assert_no_extraction):
            assert_no_extraction("photos/training/cat.jpg", "rmse")
    """
    assert run_suite(code, REPORT, index=index).ret == 1
    (check,) = valid(pytester.path / "out")["checks"]
    assert check["kind"] == "extraction"
    with Image.open(pytester.path / "out" / check["pairs"][0]["pictures"]["training"]) as image:
        assert image.size == (32, 32)


def test_pages_of_other_tools_are_not_written_over(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_html")
    result = run_suite(PASS, "--html=out/report.html", REPORT, "-p", "no:xdist")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: --html=*report.html is the page of --replication-report=*: give*"])
    assert run_suite(PASS, "--html=out/report.html", "-p", "no:xdist").ret == 0
    written = (pytester.path / "out" / "report.html").read_bytes()
    result = run_suite(PASS, REPORT, "-p", "no:xdist")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *report.html is of no report of this package*"])
    assert (pytester.path / "out" / "report.html").read_bytes() == written


def test_no_secret_of_the_command_line_is_published(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    secret = "--replication-model-option=arguments.token=hf_SECRET123"
    update = ("--replication-baseline=base.json", "--replication-update-baseline")
    assert run_suite(PASS, REPORT, secret, *update, "-p", "no:xdist").ret == 0
    written = [*(pytester.path / "out").iterdir(), pytester.path / "base.json"]
    assert len(written) > 3
    for path in written:
        assert path.is_dir() or b"SECRET" not in path.read_bytes()
    data = valid(pytester.path / "out")
    assert "--replication-model-option=arguments.token=***" in data["run"]["command"]
    base = json.loads((pytester.path / "base.json").read_text())
    assert (base["run"]["command"], base["run"]["settings"]) == (None, [])


def test_check_writes_a_report(
    built_pixels: Path, training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, index = tmp_path / "out", str(built_pixels)
    arguments = ["check", index, str(training / "cat.jpg"), "--threshold=0.9", f"--report={out}"]
    assert main(arguments) == 1
    data = valid(out)
    assert [(check["id"], check["outcome"]) for check in data["checks"]] == [
        ("pytest-replication check#1", "fail")
    ]
    assert {"name": "threshold", "value": 0.9, "source": "command line"} in data["run"]["settings"]
    assert (out / data["checks"][0]["pairs"][0]["pictures"]["training"]).is_file()
    assert main([*arguments, "--report-budget=45kB"]) == 2
    assert "with no more than the worst pair" in capsys.readouterr().err
    assert main([*arguments, "--report-budget=60kB"]) == 1
    assert (out / "report.html").stat().st_size < 60_000
    capsys.readouterr()
    assert main([*arguments, "--report-private"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"report: {out / 'report.html'}"
    assert valid(out)["private"] is True
    assert main(["check", index, str(tmp_path / "nowhere"), "--threshold=0.9", f"--report={out}"]) == 3
    assert (valid(out)["outcome"], valid(out)["checks"]) == ("error", [])
    assert main(["check", "--matches=run.json", f"--report={out}"]) == 2
    assert "judged again with --matches makes no report" in capsys.readouterr().err
    assert main(["check", index, str(training), "--pixels=ratio", f"--report={out}"]) == 2
    assert "leave out --pixels" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["pages", "pictures"])
def test_check_gives_its_verdict_where_a_report_cannot_be_written(
    built_pixels: Path,
    unrelated: Path,
    training: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    name = "results.file.replace_file" if what == "pages" else "results.pictures.Pictures.add"
    monkeypatch.setattr(f"pytest_replication.{name}", full)
    for sample, status, said in ((unrelated / "moon.jpg", 3, "PASS:"), (training / "cat.jpg", 1, "FAIL:")):
        arguments = [
            "check",
            str(built_pixels),
            str(sample),
            "--threshold=0.9",
            f"--report={tmp_path / 'out'}",
        ]
        assert main(arguments) == status
        told = capsys.readouterr()
        assert told.out.startswith(said)
        assert "No space left on device" in told.err


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_with_other_plugins_each_check_stands_there_once_and_red_stays_red(
    pytester: pytest.Pytester, photos: Path, built_pixels: Path, workers: str
) -> None:
    for name in (
        "pytest_cov",
        "pytest_html",
        "pytest_randomly",
        "pytest_rerunfailures",
        "pytest_timeout",
        "xdist",
    ):
        pytest.importorskip(name)
    pytester.makepyfile(
        """
        import pytest

        tries = []

        @pytest.mark.parametrize("number", range(6))
        def test_many(number, assert_no_replication):
            assert_no_replication("photos/unrelated/moon.jpg", threshold=0.9)

        def test_flaky(assert_no_replication):
            tries.append(1)
            name = "training/cat" if len(tries) == 1 else "unrelated/moon"
            assert_no_replication(f"photos/{name}.jpg", threshold=0.9)
        """
    )
    result = pytester.runpytest_subprocess(
        *(workers, REPORT, f"--replication-index={built_pixels}", "-p", "no:cacheprovider", "--reruns=1"),
        *(
            "-p",
            "randomly",
            "--timeout=300",
            "--html=page.html",
            "--self-contained-html",
            "--junit-xml=junit.xml",
        ),
        *("--cov=.", "--cov-report=xml"),
    )
    assert result.ret == 1
    assert (pytester.path / "page.html").is_file()
    data = valid(pytester.path / "out")
    names = [check["id"].partition("::")[2] for check in data["checks"]]
    assert names == ["test_flaky#rerun1", "test_flaky#1", *(f"test_many[{number}]#1" for number in range(6))]
    assert data["outcome"] == "fail"
    assert "was run again until it did" in data["run"]["faults"][0]["text"]
