"""What the plugin costs a project that has it installed and does not use it.

    python benchmarks/plugin_cost.py [--runs 60]

`pytest` over one empty test, with the plugin as its entry point loads it, and with `-p no:replication`;
other plugins are kept out of both. CPU seconds (user and system) of each process, in turn, every second
pair the other way round: what else the machine does then meets both alike. The least that was measured of
each is what the machine takes undisturbed. Where valgrind is installed, the instructions of both are
counted, too:
that number hardly depends on the machine, or on what else it does.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

from measure import median, save

OURS = "replication"


def commands(folder: Path) -> tuple[list[str], list[str]]:
    """Without the plugin, and with it."""
    plugins = {each.name for each in entry_points(group="pytest11")}
    if OURS not in plugins:
        raise SystemExit("the plugin is not installed: pip install --editable .")
    test = folder / "test_empty.py"
    test.write_text("def test_empty(): pass\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    others = [f"-pno:{name}" for name in sorted(plugins - {OURS})]
    ours = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *others, str(test)]
    return [*ours, "-p", f"no:{OURS}"], ours


def environment() -> dict[str, str]:
    """With caches of compiled files, and dictionaries in the same order in every run."""
    left_out = (
        "PYTHONDONTWRITEBYTECODE",
        "PYTEST_ADDOPTS",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
        "PYTEST_PLUGINS",
    )
    return {name: value for name, value in os.environ.items() if name not in left_out} | {
        "PYTHONHASHSEED": "0"
    }


def cpu(command: list[str]) -> float:
    """CPU milliseconds of one run, its own alone."""
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return 1000 * (used.ru_utime + used.ru_stime)


def instructions(command: list[str], folder: Path) -> float:
    """Millions of instructions of one run."""
    counting = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'callgrind'}", *command]
    done = subprocess.run(counting, env=environment(), capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        raise SystemExit(f"{' '.join(counting)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return int(found[1]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=60, help="pairs (default: 60)")
    runs = parser.parse_args().runs
    bare: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        without, with_it = commands(Path(name))
        for command in (without, with_it):  # fill the caches
            cpu(command)
        for number in range(runs):
            both = [(bare, without), (ours, with_it)]
            for measured, command in both if number % 2 else reversed(both):
                measured.append(cpu(command))
        results: dict[str, object] = {
            "runs": runs,
            "bare_pytest_cpu_ms": {"median": round(median(bare), 1), "least": round(min(bare), 1)},
            "with_plugin_cpu_ms": {"median": round(median(ours), 1), "least": round(min(ours), 1)},
            "added_cpu_ms": {
                "median_of_pairs": round(median([b - a for a, b in zip(bare, ours, strict=True)]), 1),
                "difference_of_medians": round(median(ours) - median(bare), 1),
                "difference_of_least": round(min(ours) - min(bare), 1),
            },
        }
        if shutil.which("valgrind"):
            counted = [instructions(command, Path(name)) for command in (without, with_it)]
            results["million_instructions"] = {
                "bare_pytest": round(counted[0], 1),
                "added": round(counted[1] - counted[0], 1),
            }
    save("plugin_cost", results)


if __name__ == "__main__":
    main()
