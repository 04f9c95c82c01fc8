from __future__ import annotations

from made_results import made_check, made_results

from pytest_replication.reports.folder import begin_report
from pytest_replication.results import write_results


def test_a_run_that_begins_takes_what_was_made_of_the_last_one_away(tmp_path):
    write_results(tmp_path / "results.json", made_results(made_check()).data)
    ours = (
        "junit.xml",
        "replication.sarif",
        "code-quality.json",
        "model-card.md",
        "summary.md",
        "report.html",
    )
    for name in (*ours, "of-somebody-else.xml"):
        (tmp_path / name).write_text("stale")
    begin_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["of-somebody-else.xml"]


def test_without_results_of_ours_nothing_is_taken_away(tmp_path):
    (tmp_path / "junit.xml").write_text("of another tool")
    begin_report(tmp_path)
    assert (tmp_path / "junit.xml").exists()
