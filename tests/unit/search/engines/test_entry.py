from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certified import certificate
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication import Index
from pytest_replication.index.entries import FileEntry
from pytest_replication.search.engines import EngineEntry
from pytest_replication.search.engines.entry import generation_of, parse_entry
from pytest_replication.stats.intervals import lower_bound

ENTRY = EngineEntry(
    engine="toy",
    library="toy 1",
    parameters={"flavour": 1},
    effort=1,
    dim=12,
    views=2,
    vectors=120,
    metric="cosine",
    generation="g",
    seconds=0.5,
    created="now",
    files={"vectors.npy": FileEntry(10, "a", "b")},
)
CERTIFICATE = certificate(files=ENTRY.digest)


def sealed(body: dict[str, Any]) -> str:
    """The text of an engine.json whose digest is right."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return json.dumps({**body, "sha256": hashlib.sha256(text.encode()).hexdigest()})


def body(**changes: Any) -> dict[str, Any]:
    found = json.loads(ENTRY.with_certificate(CERTIFICATE).to_json())
    del found["sha256"]
    return {**found, **changes}


@given(
    st.builds(
        EngineEntry,
        engine=st.text(),
        library=st.text(),
        parameters=st.dictionaries(st.text(), st.integers()),
        effort=st.integers(),
        files=st.dictionaries(st.text(), st.builds(FileEntry)),
        seconds=st.floats(allow_nan=False),
        certificates=st.just(()),
    )
)
def test_what_is_written_is_read(entry: EngineEntry) -> None:
    assert parse_entry(entry.to_json()) == entry


def test_certificates_come_along() -> None:
    entry = ENTRY.with_certificate(CERTIFICATE)
    assert parse_entry(entry.to_json()) == entry
    assert parse_entry(sealed(body())) == entry


def test_a_certificate_takes_the_place_of_one_for_the_same() -> None:
    again, other = replace(CERTIFICATE, effort=8), replace(CERTIFICATE, threshold=0.6)
    surer = replace(CERTIFICATE, confidence=0.99, min_recall=0.998, bound=lower_bound(3000, 3000, 0.99))
    entry = ENTRY
    for one in (CERTIFICATE, other, surer, again):
        entry = entry.with_certificate(one)
    assert entry.certificates == (other, surer, again)


@given(st.data())
def test_no_changed_character_goes_unseen(data: st.DataObject) -> None:
    text = ENTRY.with_certificate(CERTIFICATE).to_json()
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from('0123456789abcdef{}[]",: \n').filter(lambda sign: sign != text[place]))
    changed = text[:place] + sign + text[place + 1 :]
    try:
        found = parse_entry(changed)
    except ValueError:
        return
    assert found == parse_entry(text)  # white space between values is all that may differ


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Expecting value"),
        ("[]", "it is no object"),
        ("{}", "it is not of format 2"),
        (sealed(body(format=1)), "it is not of format 2"),
        (json.dumps(body()), "its digest differs"),
        (sealed({"format": 2}), "'files' does not fit"),
        (sealed(body(more=1)), "does not fit"),
        (sealed(body(files=[])), "does not fit"),
        (sealed(body(certificates=[{}])), "does not fit"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_entry_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_entry(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"misses": 1},
        {"generation": "other"},
        {"engine": "other"},
        {"library": "toy 2"},
        {"files": "other"},
        {"parameters": {"flavour": 2}},
        {"bound": 1.0},
    ],
)
def test_a_certificate_of_something_else_is_refused(changes: dict[str, Any]) -> None:
    found = body()
    found["certificates"][0] |= changes
    with pytest.raises(ValueError, match="certificate for 0.5 does not add up"):
        parse_entry(sealed(found))


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"vectors.npy": FileEntry(10, "a", "c")},
        {"vectors.npy": FileEntry(11, "a", "b")},
        {"other.npy": FileEntry(10, "a", "b")},
        {"vectors.npy": FileEntry(10, "a", "b"), "other.npy": FileEntry(10, "a", "b")},
    ],
)
def test_a_certificate_is_for_the_very_files(files: dict[str, FileEntry]) -> None:
    assert ENTRY.owns(CERTIFICATE)
    changed = replace(ENTRY, files=files)
    assert not changed.owns(CERTIFICATE)
    assert replace(changed, certificates=(CERTIFICATE,)).certificate_for(0.5, 0.999, 20) is None


def test_the_generation_is_that_of_vectors_and_their_order(
    tmp_path: Path, made_up_index: Callable[..., Index], unit: Callable[..., np.ndarray]
) -> None:
    one, two = unit(1, 4, 1, 6), unit(2, 4, 1, 6)
    first = generation_of(made_up_index(tmp_path / "a", one, two))
    assert generation_of(made_up_index(tmp_path / "b", one, two)) == first
    others = [(two, one), (one,), (one, two, two), (np.concatenate([one, two]),)]
    assert (
        len({first, *(generation_of(made_up_index(tmp_path / f"c{i}", *o)) for i, o in enumerate(others))})
        == 5
    )
