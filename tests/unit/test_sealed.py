from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.sealed import seal, unseal

BODY = {"scale": 0.0078125, "name": "ä", "files": {"a": [1, 2]}}


@given(
    st.dictionaries(st.text(min_size=1).filter(lambda key: key not in ("format", "sha256")), st.floats(0, 1))
)
def test_what_is_sealed_is_read(body: dict[str, float]) -> None:
    assert unseal(seal(3, body), 3) == body


@given(st.data())
def test_no_changed_character_goes_unseen(data: st.DataObject) -> None:
    text = seal(3, BODY)
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from('0123456789abcdef{}[]",: \n').filter(lambda sign: sign != text[place]))
    try:
        found = unseal(text[:place] + sign + text[place + 1 :], 3)
    except ValueError:
        return
    assert found in (None, BODY)  # another format, or other white space between values


def test_another_format_is_none() -> None:
    assert unseal(seal(2, BODY), 3) is None
    assert unseal("{}", 3) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Expecting value"),
        ("[]", "no object"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"format": 3, **BODY}), "its digest differs"),
    ],
)
def test_what_is_not_sealed_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        unseal(text, 3)
