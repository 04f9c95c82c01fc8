"""What the benchmarks share: whole processes, run in turn, told by medians; results kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Run:
    """One run of a command."""

    wall: float
    cpu: float
    output: str


def run(command: Sequence[str | Path], **env: str) -> Run:
    """Run a command to its end; wall and CPU seconds of the whole process with its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, done.stdout)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def save(name: str, results: dict[str, Any]) -> None:
    """Keep results with the machine they come from, and print them."""
    machine = {"python": platform.python_version(), "processor": processor(), "cores": os.cpu_count()}
    text = json.dumps({"machine": machine, **results}, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
