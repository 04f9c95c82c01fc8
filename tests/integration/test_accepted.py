"""Accepted matches: from a saved check to a reviewed file to the next verdict."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_replication import cli
from pytest_replication._cli import accept as accept_verb
from pytest_replication.accepted import entries, file
from pytest_replication.accepted.entries import today

from .conftest import RunSuite
from .test_cli import call

LATER = str(today() + timedelta(30))
DECIDED = ("--reason", "the same stock photograph", "--by", "A. Person", "--expires", LATER)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, built_pixels: Path, training: Path) -> Path:
    """Three samples that are training images, against the index of these."""
    path = tmp_path_factory.mktemp("accepted") / "run.json"
    assert (
        call("check", built_pixels, training, "--threshold", "0.9", "--count", "3", "--save", path).returncode
        == 1
    )
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "accepted.toml"


def again(saved: Path, book: Path, *options: str) -> tuple[int, str]:
    done = call("check", "--matches", saved, "--accepted", book, *options)
    return done.returncode, done.stdout


def test_from_a_failure_to_a_pass_and_back_when_it_expires(
    saved: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = call("accept", "--accepted", book, "--from", saved, "--sample", "1", *DECIDED)
    assert one.returncode == 0, one.stderr
    assert one.stdout.startswith(f"{book}: 1 match added, 1 in it\n  1.000  ")
    status, text = again(saved, book)
    assert status == 1
    assert text.startswith("FAIL: 2 of 3 samples replicate training images")
    rest = call("accept", "--accepted", book, "--from", saved, "--all-replicated", *DECIDED, "--json")
    assert len(json.loads(rest.stdout)["added"]) == 2
    status, text = again(saved, book)
    assert (status, text.count("the same stock photograph; A. Person")) == (0, 3)
    assert ", 3 matches accepted" in text.splitlines()[0]
    none = call("accept", "--accepted", book, "--from", saved, "--all-replicated", *DECIDED)
    assert "0 matches added, 3 in it\n  all that were named are accepted already" in none.stdout
    for module in (entries, file, accept_verb):
        monkeypatch.setattr(module, "today", lambda: today() + timedelta(31))
    status, text = again(saved, book)
    assert (status, text.count(f"EXPIRED    accepted until {LATER} and counted again")) == (1, 3)
    assert f"EXPIRED {LATER}  " in call("accept", "--accepted", book, "--list").stdout
    renewed = ("--reason", "looked again", "--by", "B", "--expires", str(today() + timedelta(60)))
    assert call("accept", "--accepted", book, "--from", saved, "--sample", "0", *renewed).returncode == 0
    pruned = call("accept", "--accepted", book, "--prune")
    assert f"{book}: 2 entries removed, 1 left\n  expired: " in pruned.stdout
    assert "looked again" in book.read_text()


def test_an_entry_names_one_match_of_a_sample_and_the_next_one_still_counts(saved: Path, book: Path) -> None:
    write = ("accept", "--accepted", book, "--from", saved, "--all-replicated", *DECIDED)
    assert "still replicated" not in call(*write).stdout
    other = ("accept", "--accepted", book.with_name("other.toml"), *write[3:], "--threshold", "0.45")
    assert "2 samples are still replicated by a next match" in call(*other).stdout
    status, text = again(saved, book, "--threshold", "0.45")
    assert status == 1
    assert "FAIL: 2 of 3 samples replicate training images (worst score 0.5" in text
    assert call(*write, "--threshold", "0.45", "--top", "9").returncode == 0
    status, text = again(saved, book, "--threshold", "0.45", "--json")
    data = json.loads(text)
    assert (status, data["outcome"], data["replicated"]) == (0, "pass", 0)
    assert len(data["accepted"]["matches"]) >= 5


def test_where_all_that_was_kept_is_accepted_nothing_is_told(saved: Path, book: Path) -> None:
    low = ("--threshold", "0.3")
    write = ("accept", "--accepted", book, "--from", saved, "--all-replicated", *DECIDED)
    assert call(*write, *low, "--top", "9").returncode == 0
    done = call("check", "--matches", saved, "--accepted", book, *low)
    assert done.returncode == 3
    assert "all 5 training images that were kept for " in done.stderr
    assert "keep more with top_k= (the call) or --neighbours" in done.stderr


def test_what_no_check_needs_is_told_and_pruned(saved: Path, book: Path) -> None:
    call(
        "accept",
        "--accepted",
        book,
        "--from",
        saved,
        "--all-replicated",
        "--threshold",
        "0.4",
        "--top",
        "2",
        *DECIDED,
    )
    status, text = again(saved, book)
    assert status == 0
    assert f"of {book} matched nothing here, such as " in text
    assert call("accept", "--accepted", book, "--prune").stdout.startswith(f"{book}: 0 entries removed")
    kept = call("accept", "--accepted", book, "--prune", "--from", saved, "--threshold", "0.4", "--json")
    assert json.loads(kept.stdout)["removed"] == []
    pruned = call("accept", "--accepted", book, "--prune", "--from", saved)
    assert "  matches nothing: " in pruned.stdout
    assert len(json.loads(call("accept", "--accepted", book, "--list", "--json").stdout)) == 3
    assert again(saved, book)[0] == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "accept takes one of --sample or --all-replicated"),
        (("--list", "--prune"), "accept takes one of"),
        (("--all-replicated", *DECIDED), "accept needs the file"),
        (("--from", "RUN", "RUN", "--all-replicated", *DECIDED), "accept needs the file"),
        (("--from", "RUN", "--all-replicated", *DECIDED[2:]), "accept needs the file"),
        (("--from", "RUN", "--all-replicated", *DECIDED[:4]), "accept needs the file"),
        (("--from", "RUN", "--all-replicated", "--sample", "1", *DECIDED), "not both"),
        (("--from", "RUN", "--sample", "3", *DECIDED), "there is no sample 3 in .*a number from 0 to 2"),
        (("--from", "RUN", "--sample", "none.jpg", *DECIDED), "there is no sample none.jpg"),
        (("--from", "RUN", "--sample", "1", "--top", "0", *DECIDED), "--top 0: give 1 or more"),
        (("--from", "RUN", "--sample", "1", *DECIDED[:4], "--expires", "soon"), "--expires soon is no date"),
        (("--from", "RUN", "--sample", "1", *DECIDED[:4], "--expires", "2020-01-01"), "not within two years"),
        (("--from", "RUN", "--sample", "1", *DECIDED[:4], "--expires", "2099-01-01"), "not within two years"),
        (("--from", "RUN", "--sample", "1", *DECIDED, "--reason", " "), "--reason is empty"),
        (("--from", "RUN", "--sample", "1", *DECIDED, "--by", ""), "--by is empty"),
        (("--from", "RUN", "--sample", "1", *DECIDED, "--threshold", "1"), None),
        (("--from", "RUN", "--sample", "1", *DECIDED, "--threshold", "7"), "threshold 7"),
    ],
)
def test_wrong_use_writes_nothing(
    saved: Path, book: Path, options: tuple[str, ...], reason: str | None
) -> None:
    given = [str(saved) if option == "RUN" else option for option in options]
    done = call("accept", "--accepted", book, *given)
    if reason is None:
        assert done.returncode == 0
        return
    assert done.returncode == 2
    assert not book.exists()
    assert re.search(reason, done.stderr)


def test_a_sample_is_named_as_the_verdict_shows_it(saved: Path, book: Path, training: Path) -> None:
    first, second = sorted(training.iterdir())[:2]
    for name in (str(first), second.name):
        done = call("accept", "--accepted", book, "--from", saved, "--sample", name, *DECIDED)
        assert done.returncode == 0
        assert f"  1.000  {training}/{Path(name).name} -> " in done.stdout


def test_a_file_name_that_several_samples_have_is_refused(
    built_pixels: Path, training: Path, tmp_path: Path, book: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / "samples" / folder).mkdir(parents=True)
        (tmp_path / "samples" / folder / "cat.jpg").write_bytes((training / "cat.jpg").read_bytes())
    run = tmp_path / "run.json"
    call("check", built_pixels, tmp_path / "samples", "--threshold", "0.9", "--save", run)
    done = call("accept", "--accepted", book, "--from", run, "--sample", "cat.jpg", *DECIDED)
    assert done.returncode == 2
    assert "2 samples are called cat.jpg in" in done.stderr
    # Both show the same pixels: one entry is about both.
    assert call("accept", "--accepted", book, "--from", run, "--sample", "0", *DECIDED).returncode == 0
    assert again(run, book)[0] == 0


def test_samples_that_are_not_replicated_cannot_be_accepted(
    built_pixels: Path, unrelated: Path, tmp_path: Path, book: Path
) -> None:
    run = tmp_path / "run.json"
    assert call("check", built_pixels, unrelated, "--threshold", "0.95", "--save", run).returncode == 0
    for which in (("--sample", "0"), ("--all-replicated",)):
        done = call("accept", "--accepted", book, "--from", run, *which, *DECIDED)
        assert done.returncode == 2
        assert "replicated at 0.95" in done.stderr


def test_who_decided_is_the_user_of_git(
    saved: Path, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    options = (
        "accept",
        "--accepted",
        book,
        "--from",
        saved,
        "--sample",
        "0",
        "--reason",
        "x",
        "--expires",
        LATER,
    )
    nobody = call(*options)
    assert nobody.returncode == 2
    assert "git knows no user here: say who decided with --by" in nobody.stderr
    (tmp_path / "gitconfig").write_text("[user]\nname = A. Person\nemail = a@example.org\n")
    assert call(*options).returncode == 0
    assert 'by = "A. Person <a@example.org>"' in book.read_text()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call(*options).returncode == 2  # no git at all


SUITE = """
    def test_copies(assert_no_replication):
        assert_no_replication("photos/training", threshold=0.9)

    def test_measured(check_replication):
        assert check_replication("photos/unrelated", threshold=0.95).passed
"""


@pytest.fixture(scope="module")
def all_accepted(tmp_path_factory: pytest.TempPathFactory, built_pixels: Path, training: Path) -> Path:
    """A file that accepts that the training photographs are themselves."""
    folder = tmp_path_factory.mktemp("all")
    run, book = folder / "run.json", folder / "accepted.toml"
    assert call("check", built_pixels, training, "--threshold", "0.9", "--save", run).returncode == 1
    assert call("accept", "--accepted", book, "--from", run, "--all-replicated", *DECIDED).returncode == 0
    return book


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(("-p", "no:xdist"), id="no-xdist"),
        pytest.param(("-n1", "--replication-save=runs"), id="n1", marks=pytest.mark.slow),
    ],
)
def test_a_run_shows_what_is_accepted(
    pytester: pytest.Pytester, run_suite: RunSuite, all_accepted: Path, args: tuple[str, ...]
) -> None:
    result = run_suite(SUITE, *args, f"--replication-accepted={all_accepted}")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "PASS  *test_copies *0 of 20 replicated, 20 matches accepted *",
            f"      20 matches are accepted by {all_accepted} and do not count:",
            "*1.000* -> * (the same stock photograph; A. Person, *",
            "*  and 17 more",
        ]
    )
    result.stdout.no_fnmatch_line("*stale*")
    if "-n1" in args:  # what a worker has kept is accepted as any other
        kept = sorted((pytester.path / "runs").iterdir())
        assert [again(path, all_accepted)[0] for path in kept] == [0, 0]


def test_the_ini_key_is_relative_to_its_file_and_a_call_comes_before_it(
    pytester: pytest.Pytester, run_suite: RunSuite, all_accepted: Path
) -> None:
    pytester.makeini("[pytest]\nreplication_accepted = accepted.toml\n")
    (pytester.path / "accepted.toml").write_bytes(all_accepted.read_bytes())
    code = """
        from pytest_replication.accepted import Accepted

        def test_with(assert_no_replication):
            assert_no_replication("photos/training", threshold=0.9)

        def test_without(check_replication):
            assert check_replication("photos/training", threshold=0.9, accepted=Accepted()).outcome == "fail"
    """
    run_suite(code).assert_outcomes(passed=2)


def test_entries_that_nothing_needs_are_told_by_the_run(run_suite: RunSuite, all_accepted: Path) -> None:
    code = """
        def test_unrelated(assert_no_replication):
            assert_no_replication("photos/unrelated", threshold=0.95)
    """
    result = run_suite(code, f"--replication-accepted={all_accepted}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [f"20 entries of {all_accepted} matched nothing in this run, such as *: stale*"]
    )


@pytest.mark.parametrize("damage", ["missing", "malformed"])
def test_a_file_that_cannot_be_used_is_an_error(
    pytester: pytest.Pytester, run_suite: RunSuite, all_accepted: Path, damage: str
) -> None:
    path = pytester.path / "accepted.toml"
    if damage == "malformed":
        path.write_text(all_accepted.read_text().replace("expires", "until", 1))
    result = run_suite(SUITE, f"--replication-accepted={path}")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*AcceptedFileError: *"])


def test_the_command_line_refuses_a_damaged_file_before_it_measures(
    built_pixels: Path, training: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_replication._cli.check.check_replication", None)
    book.write_text("format = 1\naccepted = 3\n")
    done = call("check", built_pixels, training, "--threshold", "0.9", "--accepted", book)
    assert done.returncode == cli.CANNOT_TELL
    assert "AcceptedFileError" not in done.stderr
    assert f"{book} has other keys" in done.stderr
