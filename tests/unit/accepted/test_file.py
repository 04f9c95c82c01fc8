from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.accepted import Acceptance, file
from pytest_replication.accepted.entries import LONGEST
from pytest_replication.accepted.file import add_accepted, drop_accepted, read_accepted
from pytest_replication.errors import AcceptedFileError
from pytest_replication.escape import one_line

DAY = date(2026, 11, 28)
SHA256 = st.text("0123456789abcdef", min_size=64, max_size=64)
WORDS = st.text(min_size=1, max_size=12).filter(str.strip)


@pytest.fixture(autouse=True)
def a_fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "today", lambda: DAY)


def entry(number: int, *, reason: str = "both are blank", expires: date = DAY + timedelta(100)) -> Acceptance:
    return Acceptance(
        f"{number:064x}", "b" * 64, reason, "A", DAY, expires, "out/7.png", "sky.jpg", 0.75, "sscd"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accepted.toml"


@settings(deadline=None, max_examples=20)
@given(
    st.lists(
        st.builds(
            Acceptance,
            sample=SHA256,
            training=SHA256,
            reason=WORDS,
            by=WORDS,
            decided=st.just(DAY),
            expires=st.dates(DAY, DAY + LONGEST),
            sample_name=st.text(max_size=6),
            training_uri=st.text(max_size=6),
            score=st.none() | st.floats(-1, 1),
        ),
        max_size=4,
        unique_by=lambda entry: entry.pair,
    )
)
def test_what_is_written_is_read_with_what_cannot_be_seen_written_out(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Acceptance]
) -> None:
    path = tmp_path_factory.getbasetemp() / "accepted-round-trip.toml"
    path.unlink(missing_ok=True)
    for each in entries:
        add_accepted(path, [each])
    if not entries:
        return
    found = {each.pair: each for each in read_accepted(path).entries}
    assert found.keys() == {each.pair for each in entries}
    for each in entries:
        read = found[each.pair]
        assert (read.reason, read.by) == (one_line(each.reason), one_line(each.by))
        assert (read.decided, read.expires, read.score) == (each.decided, each.expires, each.score)
        assert (read.sample_name, read.training_uri) == (
            one_line(each.sample_name),
            one_line(each.training_uri),
        )


def test_an_entry_reads_well_in_a_diff(path: Path) -> None:
    add_accepted(path, [entry(1)])
    assert path.read_text().partition("[[accepted]]\n")[2] == (
        f'sample = "{1:064x}"\nsample_name = "out/7.png"\ntraining = "{"b" * 64}"\ntraining_uri = "sky.jpg"\n'
        'score = 0.75\nembedder = "sscd"\nreason = "both are blank"\nby = "A"\ndecided = 2026-11-28\n'
        "expires = 2027-03-08\n"
    )


def test_other_lines_and_their_comments_stay_when_entries_come_and_go(path: Path) -> None:
    add_accepted(path, [entry(1), entry(5)])
    text = path.read_text().replace("[[accepted]]\n", "# a note of a person\n[[accepted]]   # another\n")
    text = text.replace('reason = "both are blank"', "reason = 'by  hand'").replace("\n", "\r\n")
    path.write_bytes(text.encode())
    add_accepted(path, [entry(3)])
    kept = text.replace("\r\n", "\n").strip().split("\n\n")
    parts = path.read_text().strip().split("\n\n")
    assert parts == [kept[0], kept[1], parts[2], kept[2]]
    assert f"{3:064x}" in parts[2]
    drop_accepted(path, [entry(1).pair])
    assert path.read_text().strip().split("\n\n") == [kept[0], parts[2], kept[2]]
    drop_accepted(path, [entry(3).pair, entry(5).pair])
    assert path.read_text() == kept[0] + "\n"


def test_an_entry_of_the_same_pair_is_replaced(path: Path) -> None:
    add_accepted(path, [entry(1), entry(2)])
    after = add_accepted(path, [entry(1, reason="again")])
    assert [(e.sample[-1], e.reason) for e in after.entries] == [("1", "again"), ("2", "both are blank")]


def written(**changes: str) -> str:
    values = {
        "sample": f'"{"a" * 64}"',
        "training": f'"{"b" * 64}"',
        "reason": '"why"',
        "by": '"who"',
        "decided": "2026-11-01",
        "expires": "2027-01-01",
    } | changes
    lines = [f"{name} = {value}" for name, value in values.items() if value]
    return "format = 1\n[[accepted]]\n" + "\n".join(lines) + "\n"


def test_a_file_that_was_written_by_hand_is_read(path: Path) -> None:
    path.write_text(written())
    (found,) = read_accepted(path).entries
    assert (found.reason, found.score, found.expires) == ("why", None, date(2027, 1, 1))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("format = 1\n[[accepted]\n", "is no TOML"),
        ("", "is in format None of accepted matches"),
        ("format = 2\n", "is in format 2 of accepted matches"),
        ("format = true\n", "is in format True"),
        ("format = 1\nmore = 1\n", "other keys than 'format' and tables"),
        ("format = 1\n[accepted]\n", "other keys than 'format' and tables"),
        ("format = 1\naccepted = [1]\n", "entry 1 of .*: it is no table"),
        (written(reason=""), "entry 1 of .*: reason is missing"),
        (written(expires=""), "expires is missing"),
        (written(training=""), "training is missing"),
        (written(reason='" "'), "reason is empty: say it"),
        (written(by='""'), "by is empty: say it"),
        (written(sample='"A1"'), "sample is 'A1', expected a sha256 in lower case"),
        (written(training=f'"{"B" * 64}"'), "training is 'BBB.*expected a sha256"),
        (written(expires='"2027-01-01"'), "expires is a str, expected a date"),
        (written(expires="2027-01-01T00:00:00"), "expires is a datetime, expected a date"),
        (written(expires="2026-10-31"), "it expires on 2026-10-31, before it was decided, 2026-11-01"),
        (written(expires="2028-11-02"), "more than two years after it was decided"),
        (written(decided="2026-11-30"), "is of 2026-11-30, which has not come yet"),
        (written(score="nan"), "score is nan, expected a number"),
        (written(score="1"), "score is a int, expected a float"),
        (written(threshold="0.5"), "it has the unknown key 'threshold'"),
        (written(reason="1"), "reason is a int"),
        (written() + written()[10:], "stand in it twice: remove one"),
        (b"\xff", "cannot be read"),
    ],
)
def test_a_malformed_file_is_an_error_as_a_whole(path: Path, text: str | bytes, reason: str) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AcceptedFileError, match=reason) as caught:
        read_accepted(path)
    assert str(path) in str(caught.value)


def test_entries_last_two_years_and_one_day_of_another_zone(path: Path) -> None:
    path.write_text(written(decided="2026-11-29", expires="2028-11-29"))
    assert len(read_accepted(path).entries) == 1


def test_no_file_and_one_that_is_too_large_are_errors(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AcceptedFileError, match="there is no file of accepted matches at .* makes one"):
        read_accepted(path)
    path.write_text(written())
    monkeypatch.setattr(file, "MAX_BYTES", 20)
    with pytest.raises(AcceptedFileError, match="more than 20 bytes"):
        read_accepted(path)


@pytest.mark.parametrize(
    "text",
    [
        written()
        .replace("[[accepted]]", "accepted = [{")
        .replace("\n", " ")
        .replace("format = 1 ", "format = 1\n"),
        written(reason='"""\n[[accepted]]\n"""'),
    ],
)
def test_a_file_that_is_not_written_entry_by_entry_is_not_changed(path: Path, text: str) -> None:
    if "[{" in text:
        text = text.replace(" training", ", training").replace(" reason", ", reason").replace(" by", ", by")
        text = text.replace(" decided", ", decided").replace(" expires", ", expires").rstrip() + "}]\n"
    path.write_text(text)
    assert len(read_accepted(path).entries) == 1
    with pytest.raises(AcceptedFileError, match="change it by hand"):
        add_accepted(path, [entry(1)])
    assert path.read_text() == text


def test_who_adds_at_the_same_time_loses_nothing(path: Path) -> None:
    add_accepted(path, [entry(0), entry(9)])
    gone = entry(9).pair
    with ThreadPoolExecutor(3) as pool:
        changes = [pool.submit(add_accepted, path, [entry(number)]) for number in range(1, 6)]
        changes.append(pool.submit(drop_accepted, path, [gone]))
    assert all(change.exception() is None for change in changes)
    assert [each.pair for each in read_accepted(path).entries] == [entry(number).pair for number in range(6)]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AcceptedFileError, match="cannot be written"):
        add_accepted(tmp_path / "no" / "accepted.toml", [entry(1)])
    assert not (tmp_path / "no").exists()
