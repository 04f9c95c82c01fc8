"""Who sits here, as git knows it."""

from __future__ import annotations

import subprocess


def git_user() -> str | None:
    """Name and address of the user of git, None where git does not know or is not installed."""
    found = []
    for key in ("user.name", "user.email"):
        try:
            done = subprocess.run(  # noqa: S603
                ["git", "config", "--get", key],  # noqa: S607
                capture_output=True,
                text=True,
                errors="replace",
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        found.append(done.stdout.strip() if done.returncode == 0 else "")
    name, address = found
    if not name:
        return None
    return f"{name} <{address}>" if address else name
