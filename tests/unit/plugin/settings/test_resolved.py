from __future__ import annotations

from pytest_replication._plugin.settings.resolved import Resolved


def test_a_resolved_setting_is_a_pair() -> None:
    resolved = Resolved(0, "default")
    value, source = resolved
    assert (value, source) == (0, "default")
    assert resolved == Resolved(0, "default")
    assert resolved != Resolved(0, "ini file")
    assert repr(resolved) == "Resolved(value=0, source='default')"
