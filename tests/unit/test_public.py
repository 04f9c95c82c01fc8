"""The public surface: names, errors, and what importing costs."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest

import pytest_replication
from pytest_replication import errors


def test_every_public_name_can_be_had() -> None:
    for name in pytest_replication.__all__:
        assert getattr(pytest_replication, name) is not None
    assert dir(pytest_replication) == sorted(pytest_replication.__all__)


def test_public_names_are_sorted_and_nothing_else_is_given() -> None:
    assert pytest_replication.__all__ == sorted(pytest_replication.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = pytest_replication.nope


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, pytest_replication; print('numpy' in sys.modules, 'pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = str(errors.__doc__)
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, BaseException)]
    for kind in kinds:
        assert kind.__name__ in drawn
        assert kind.__module__ == "pytest_replication"


def test_errors_come_home_from_other_processes() -> None:
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, BaseException)]
    assert len(kinds) > 15
    for kind in kinds:
        needs_verdict = kind in (errors.Inconclusive, errors.ReplicationDetected)
        error = kind("said", "verdict") if needs_verdict else kind("said")
        error.add_note("note")
        found = pickle.loads(pickle.dumps(error))
        assert (type(found), str(found), found.__dict__) == (kind, "said", error.__dict__)


class Own(errors.ReplicationError):
    """Of another package."""


def test_errors_of_other_packages_come_home_too() -> None:
    assert copy.copy(Own("said")).args == ("said",)
    assert isinstance(copy.copy(Own("said")), Own)


def test_only_one_error_is_a_failure() -> None:
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, AssertionError)]
    assert kinds == [errors.ReplicationDetected]
    assert not issubclass(errors.ReplicationDetected, errors.ReplicationError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ModuleNotFoundError("No module named 'numpy'", name="numpy"),
            "numpy cannot be loaded (ModuleNotFound",
        ),
        (
            ImportError("of ours\nand more"),
            "pytest_replication.check cannot be loaded (ImportError: of ours), ",
        ),
        (ImportError(), "pytest_replication.check cannot be loaded (ImportError: ), "),
    ],
)
def test_what_cannot_be_loaded_is_named(error: ImportError, said: str) -> None:
    found = errors.unloadable("pytest_replication.check", error)
    assert str(found).startswith(said)
    assert str(found).endswith(
        ": pip install --force-reinstall SOURCE, the checkout, wheel or address that "
        "pytest-replication came from"
    )
