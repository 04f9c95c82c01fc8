"""The file of results: written whole, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pytest_replication.results
from pytest_replication import ReplicationError, read_results
from pytest_replication.errors import ResultsError
from pytest_replication.results import file as results_file
from pytest_replication.results import write_results

SCHEMA = json.loads((Path(pytest_replication.results.__file__).parent / "schema.json").read_text())
Make = Callable[..., dict[str, Any]]


def test_results_are_read_as_they_were_written(put_together: Make, tmp_path: Path) -> None:
    written = write_results(tmp_path / "results.json", put_together())
    read = read_results(tmp_path)
    assert (read.path, read.data) == (written.path, written.data)
    assert (read.outcome, read.private, read.folder) == ("fail", False, tmp_path)
    assert read.run["seconds"] == 1.5
    assert read.checks == read.counted
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    jsonschema.Draft202012Validator(SCHEMA).validate(read.data)


def test_numbers_that_are_not_finite_become_null(
    put_together: Make, row: dict[str, Any], tmp_path: Path
) -> None:
    data = put_together(row | {"expected_false": float("nan"), "complexity": {"x": [float("inf")]}})
    read = write_results(tmp_path / "results.json", data).checks[0]
    assert (read["expected_false"], read["complexity"]) == (None, {"x": [None]})


def test_what_is_no_result_is_not_written(put_together: Make, row: dict[str, Any], tmp_path: Path) -> None:
    for data in (put_together() | {"outcome": "good"}, put_together(row | {"worst_score": float("nan")})):
        with pytest.raises(ResultsError, match="the results cannot be stored in"):
            write_results(tmp_path / "results.json", data)
    with pytest.raises(ResultsError, match="cannot be stored"):
        write_results(tmp_path / "results.json", put_together() | {"run": {"command": Path()}})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(put_together: Make, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be written .*: name another folder"):
        write_results(tmp_path / "gone" / "results.json", put_together())


def changed(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one value changed, or without it where that is None."""
    whole = json.loads(json.dumps(data))
    at = whole
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in parents:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return dict(whole)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("kind", "results", "of the kind 'results'"),
        ("kind", None, "has no kind"),
        ("outcome", "good", "its outcome is 'good'"),
        ("outcome", None, "has no outcome"),
        ("private", "no", "private of the file is 'no'"),
        ("checks", {}, "checks of the file is"),
        ("run.faults", None, "the run has no faults"),
        ("run.seconds", True, "seconds of the run is 'True'"),
        ("checks.0", [], "a check is no object"),
        ("checks.0.outcome", "none", "the outcome of a check is 'none'"),
        ("checks.0.rerun", None, "a check has no rerun"),
        ("checks.0.samples", "4", "samples of the check"),
        ("checks.0.scores", None, "has no scores"),
        ("checks.0.pairs.0", "pair", "a pair is no object"),
        ("checks.0.pairs.0.pictures", "x.webp", "pictures of a pair"),
        ("checks.0.pairs.0.pictures", {"other": None}, "pictures of a pair"),
        ("checks.0.pairs.0.pictures", {"sample": "../../etc/passwd"}, "none of the folder of pictures"),
        ("checks.0.near_pairs.0.pictures", {"sample": f"pictures/{'0' * 40}.webp\n"}, "none of the folder"),
        ("checks.0.pairs.1.pictures", {"training": 1}, "none of the folder of pictures"),
        ("checks.0.fdr", "x", "fdr of the check 'test_gate.py.* is 'x'"),
        ("checks.0.model", {"options": 1}, "options of a model is '1'"),
        ("checks.0.accepted", {"matches": 1}, "matches of what was accepted is '1'"),
        ("checks.0.worst_score", 10**400, "a number is not finite"),
        ("run.faults", ["lost"], "a fault is no object"),
        ("run.errors", [{"test": "t"}], "an error has no message"),
        ("run.caught", [1], "a test that caught an error is '1'"),
        (
            "run.baseline",
            {"outcome": "fail", "checks": [{"id": ["a"], "change": "worse"}]},
            "id of a check of",
        ),
        ("run.baseline", {"outcome": "fail", "checks": [], "added": "x"}, "a check of the comparison is 'x'"),
        ("run.settings.0.source", None, "a setting has no source"),
        ("outcome", "pass", "its outcome is 'pass', and its checks and errors make it 'fail'"),
        ("outcome", "none", "its outcome is 'none', and its checks"),
        ("checks.0.outcome", "pass", "passed with 2 replicated of 4 samples .* a max rate of 0"),
        ("checks.0.pairs", [], "has 0 pairs of 2 replicated samples"),
        ("checks.0.replicated", 3, "has 2 pairs of 3 replicated samples"),
        ("checks.0.samples", 1, "has 2 replicated of 1 samples"),
    ],
)
def test_what_reports_cannot_be_made_of_is_refused(
    put_together: Make, tmp_path: Path, path: str, value: Any, said: str
) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(changed(put_together(), path, value)))
    with pytest.raises(ResultsError, match=said) as caught:
        read_results(file)
    assert "--replication-report FOLDER" in str(caught.value)
    assert isinstance(caught.value, ReplicationError)


def test_a_run_is_no_better_than_what_is_in_it(
    put_together: Make, row: dict[str, Any], tmp_path: Path
) -> None:
    passed = row | {"outcome": "pass", "max_rate": 0.9, "rate_upper": 0.9}
    whole = put_together(passed, exit_status=0)
    broken = {"errors": [{"test": "t", "message": "m"}]}, {"faults": [{"kind": "lost", "text": "lost"}]}
    regressed = {"baseline": {"outcome": "fail", "checks": []}}
    file = tmp_path / "results.json"
    file.write_text(json.dumps(whole))
    assert read_results(file).outcome == "pass"
    worse = [{"run": whole["run"] | changes} for changes in (*broken, regressed, {"exit_status": 1})]
    for change in (*worse, {"checks": []}, {"checks": [whole["checks"][0] | {"rate_upper": 0.91}]}):
        file.write_text(json.dumps(whole | change))
        with pytest.raises(ResultsError, match=r"its outcome is 'pass', and|passed with 2 replicated"):
            read_results(file)
    file.write_text(json.dumps(whole | {"outcome": "error"}))  # worse than all that is told
    assert read_results(file).outcome == "error"


def test_checks_with_one_id_are_refused(put_together: Make, tmp_path: Path) -> None:
    data = put_together()
    (tmp_path / "results.json").write_text(json.dumps(data | {"checks": data["checks"] * 2}))
    with pytest.raises(ResultsError, match="two checks have the id"):
        read_results(tmp_path)


def test_a_number_beyond_all_is_none(put_together: Make, tmp_path: Path) -> None:
    text = json.dumps(put_together())
    (tmp_path / "results.json").write_text(text.replace('"seconds": 1.5', '"seconds": 1e999'))
    with pytest.raises(ResultsError, match="a number is not finite"):
        read_results(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": NaN}', "[" * 100_000, "\ud800"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ResultsError, match=r"no sound file of results|cannot be read"):
        read_results(tmp_path / "run.json")


def test_another_format_is_told(put_together: Make, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(put_together() | {"format": 2}))
    with pytest.raises(ResultsError, match="is in format 2 of results .*reads format 1: upgrade pytest-rep"):
        read_results(tmp_path)


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResultsError, match="there is no file of results at"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    monkeypatch.setattr(results_file, "MAX_BYTES", 1)
    with pytest.raises(ResultsError, match="more than 1 bytes"):
        read_results(tmp_path)
