"""The pytest plugin: options, marker, hooks and fixtures.

Loads what every suite pays for, listed in ``tests/integration/test_unused.py``, and no package but pytest.
A run about checks loads the rest: at its start where a setting is given, else once a test asks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin import plainly

with plainly():
    from pytest_replication._plugin.hooks import Hooks
    from pytest_replication._plugin.running import RUNNING, Running
    from pytest_replication._plugin.settings.declared import MARKER
    from pytest_replication._plugin.settings.options import add_options, refuse_unknown_options
    from pytest_replication._plugin.settings.resolved import Settings

if TYPE_CHECKING:
    from pytest_replication import Index, Model, Prompts, Samples


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    add_options(parser)


@pytest.hookimpl(wrapper=True)  # a conftest.py may have an option that is called nearly as ours are
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Say which option was meant, where one of ours is misspelled."""
    result = yield
    refuse_unknown_options(args, parser)
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker and register the hooks."""
    config.addinivalue_line("markers", MARKER)
    try:
        running = config.stash[RUNNING] = Running(Settings(config))
    except pytest.UsageError as error:
        if not hasattr(config, "workerinput"):
            from pytest_replication._plugin.ci import tell_unusable

            tell_unusable(config, str(error))
        raise
    config.pluginmanager.register(Hooks(config, running), "replication-hooks")


@pytest.fixture(scope="session")
def replication_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of the run by name, each with its value and source.

    Example::

        def test_seed(replication_settings):
            assert replication_settings["seed"].value == 0
    """
    return pytestconfig.stash[RUNNING].settings


@pytest.fixture(scope="session")
def replication_index(pytestconfig: pytest.Config) -> Index:
    """The index of the training set that ``--replication-index`` names, open.

    Example::

        def test_size(replication_index):
            assert replication_index.rows > 1000
    """
    return pytestconfig.stash[RUNNING].run().index()


@pytest.fixture(scope="session")
def replication_model(pytestconfig: pytest.Config) -> Model:
    """The model that ``--replication-model`` names.

    Example::

        def test_model(replication_model, assert_no_replication):
            assert_no_replication(replication_model.sample(count=100, seed=0))
    """
    return pytestconfig.stash[RUNNING].run().opened.model()


@pytest.fixture
def replication_prompts(request: pytest.FixtureRequest) -> Prompts | None:
    """Prompts of the test's marker, or those that ``--replication-prompts`` names; None for none.

    A test module, or a conftest.py, that has a fixture of this name gives its own: a list of texts, or the
    name of prompts.

    Example::

        @pytest.fixture
        def replication_prompts():
            return ["a cat on a sofa", "a red barn"]
    """
    opened = request.config.stash[RUNNING].run().opened
    from pytest_replication._plugin.opened import prompts_for

    return prompts_for(opened, request.node)


@pytest.fixture
def replication_samples(request: pytest.FixtureRequest, replication_prompts: object) -> Samples:
    """Samples of the model, or those of the folder that ``--replication-samples`` names.

    Made from `replication_prompts`, where there are some. As many as ``--replication-count``, or the count
    of the test's marker; drawn once a run (under pytest-xdist, once a worker).

    Example::

        @pytest.mark.replication(count=500)
        def test_release(replication_samples, assert_no_replication):
            assert_no_replication(replication_samples, threshold=0.5)
    """
    opened = request.config.stash[RUNNING].run().opened
    from pytest_replication._plugin.opened import samples_for

    return samples_for(opened, request.node, replication_prompts)


@pytest.fixture
def assert_no_replication() -> Callable[..., Any]:
    """`pytest_replication.assert_no_replication`, without an import.

    Example::

        def test_release(replication_samples, assert_no_replication):
            assert_no_replication(replication_samples, threshold=0.5)
    """
    from pytest_replication import assert_no_replication

    return assert_no_replication


@pytest.fixture
def assert_no_extraction() -> Callable[..., Any]:
    """`pytest_replication.assert_no_extraction`, without an import: small images, pixel by pixel.

    Example::

        def test_pixels(replication_samples, assert_no_extraction):
            assert_no_extraction(replication_samples)
    """
    from pytest_replication import assert_no_extraction

    return assert_no_extraction


@pytest.fixture
def assert_replication_rate_below() -> Callable[..., Any]:
    """`pytest_replication.assert_replication_rate_below`, without an import.

    Example::

        def test_rate(replication_samples, assert_replication_rate_below):
            assert_replication_rate_below(replication_samples, 0.01, confidence=0.95)
    """
    from pytest_replication import assert_replication_rate_below

    return assert_replication_rate_below


@pytest.fixture
def assert_not_closer_than_holdout() -> Callable[..., Any]:
    """`pytest_replication.assert_not_closer_than_holdout`, without an import.

    Example::

        def test_holdout(replication_samples, assert_not_closer_than_holdout):
            assert_not_closer_than_holdout(replication_samples, holdout="holdout/")
    """
    from pytest_replication import assert_not_closer_than_holdout

    return assert_not_closer_than_holdout


@pytest.fixture
def assert_percentile_below() -> Callable[..., Any]:
    """`pytest_replication.assert_percentile_below`, without an import.

    Example::

        def test_percentile(replication_samples, assert_percentile_below):
            assert_percentile_below(replication_samples, 95, 0.4)
    """
    from pytest_replication import assert_percentile_below

    return assert_percentile_below


@pytest.fixture
def assert_no_data_copying() -> Callable[..., Any]:
    """`pytest_replication.assert_no_data_copying`, without an import.

    Example::

        def test_copying(replication_samples, assert_no_data_copying):
            assert_no_data_copying(replication_samples, holdout="holdout/")
    """
    from pytest_replication import assert_no_data_copying

    return assert_no_data_copying


@pytest.fixture
def assert_no_duplicates_within() -> Callable[..., Any]:
    """`pytest_replication.assert_no_duplicates_within`, without an import.

    Example::

        def test_variety(replication_samples, assert_no_duplicates_within):
            assert_no_duplicates_within(replication_samples, 0.95)
    """
    from pytest_replication import assert_no_duplicates_within

    return assert_no_duplicates_within


@pytest.fixture
def assert_no_leak() -> Callable[..., Any]:
    """`pytest_replication.assert_no_leak`, without an import.

    Example::

        def test_split(assert_no_leak):
            assert_no_leak("train/", "test/", 0.8)
    """
    from pytest_replication import assert_no_leak

    return assert_no_leak


@pytest.fixture
def assert_prompts_not_memorized() -> Callable[..., Any]:
    """`pytest_replication.assert_prompts_not_memorized`, without an import: prompts, without an index.

    Example::

        def test_prompts(replication_model, assert_prompts_not_memorized):
            assert_prompts_not_memorized(replication_model, "risky.txt", clean_prompts="clean.txt")
    """
    from pytest_replication import assert_prompts_not_memorized

    return assert_prompts_not_memorized


@pytest.fixture
def check_replication() -> Callable[..., Any]:
    """`pytest_replication.check_replication`, without an import: measures and asserts nothing.

    Example::

        def test_release(replication_samples, check_replication):
            verdict = check_replication(replication_samples)
            assert verdict.worst.score < 0.4
    """
    from pytest_replication import check_replication

    return check_replication
