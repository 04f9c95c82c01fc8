"""What the plugin costs a project that has it installed and does not use it.

    python benchmarks/plugin_cost.py [--runs 21]

CPU seconds of `pytest` over one empty test, with and without the plugin, in turn; nothing else
loaded. The difference of each pair is taken, and the median of the differences told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import median, run, save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder, "test_empty.py")
        test.write_text("def test_empty(): pass\n")
        bare = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
        ours = [*bare, "-p", "pytest_replication.plugin"]
        env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "", "PYTEST_ADDOPTS": ""}
        for command in (bare, ours):  # fill the caches
            run(command, **env)
        pairs = [(run(bare, **env).cpu, run(ours, **env).cpu) for _ in range(runs)]
    milliseconds = [1000 * (b - a) for a, b in pairs]
    save(
        "plugin_cost",
        {
            "runs": runs,
            "bare_pytest_cpu_ms_median": round(1000 * median([a for a, _ in pairs]), 1),
            "added_cpu_ms_median": round(median(milliseconds), 1),
            "added_cpu_ms_of_minima": round(1000 * (min(b for _, b in pairs) - min(a for a, _ in pairs)), 1),
        },
    )


if __name__ == "__main__":
    main()
