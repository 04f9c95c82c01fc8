"""The marker ``replication``: settings of one test, or of all tests of a class or a module."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_replication._plugin.settings.declared import MARKED
from pytest_replication._plugin.settings.places import placed_prompts
from pytest_replication._plugin.settings.values import reason
from pytest_replication.errors import SettingsError


def marked(item: pytest.Item) -> dict[str, Any]:
    """Settings from the ``replication`` markers of a test, the nearest marker first.

    Raises:
        SettingsError: a marker has positional arguments, unknown keywords or unusable values.
    """
    found: dict[str, Any] = {}
    for marker in item.iter_markers("replication"):
        if marker.args or not marker.kwargs.keys() <= MARKED.keys():
            wrong = [repr(arg) for arg in marker.args] + sorted(marker.kwargs.keys() - MARKED.keys())
            raise SettingsError(
                f"the marker replication of {item.nodeid} has {', '.join(wrong)}: it takes the keywords "
                f"{', '.join(MARKED)}"
            )
        for name, value in marker.kwargs.items():
            try:
                written = value if name == "prompts" else str(value)
                parsed = MARKED[name](written)
                if name == "prompts" and isinstance(parsed, str):
                    parsed = placed_prompts(parsed, item.path.parent)
                found.setdefault(name, parsed)
            except ValueError as error:
                raise SettingsError(
                    f"the marker replication of {item.nodeid} has {name}={value!r}, which {reason(error)}"
                ) from error
    return found
