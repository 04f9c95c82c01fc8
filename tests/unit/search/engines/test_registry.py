from __future__ import annotations

import pytest

from pytest_replication.errors import SettingsError
from pytest_replication.search.engines import engine_class, engine_names


@pytest.mark.parametrize("name", engine_names())
def test_a_name_gives_its_engine(name: str) -> None:
    assert engine_class(name).name == name


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(
        SettingsError, match="there is no engine 'scann'; known are exact, annoy, faiss-hnsw, faiss-ivf"
    ):
        engine_class("scann")
