"""What the benchmarks share: whole processes, run in turn, told by medians; results kept as JSON.

Results go to `benchmarks/results`, or to the folder that the environment names in BENCHMARK_RESULTS.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

RESULTS = Path(os.environ.get("BENCHMARK_RESULTS") or Path(__file__).parent / "results")
_LOOK_SECONDS = 0.02


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


def child(script: str, *arguments: object) -> Any:
    """Run a script of ours to its end as a process of its own; what it printed, read as JSON.

    What it says on standard error is passed on.
    """
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return json.loads(done.stdout)


class Memory:
    """Peak memory of this process, in MiB; use it as a context manager.

    Attributes:
        peak: all that was resident at once, pages of memory-mapped files among it (VmHWM).
        anonymous: what belonged to the process alone. The kernel keeps no peak of it (RssAnon), so
            a thread looks every 20 ms.
    """

    def __init__(self) -> None:
        self.peak = self.anonymous = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.peak = _status("VmHWM")

    def data(self) -> dict[str, float]:
        """Both, for results."""
        return {"peak_mib": round(self.peak), "anonymous_mib": round(self.anonymous)}

    def _watch(self) -> None:
        over = False
        while not over:
            over = self._over.wait(_LOOK_SECONDS)
            self.anonymous = max(self.anonymous, _status("RssAnon"))


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) / 1024


def read_from_storage() -> int:
    """Bytes that this process had fetched from storage so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("read_bytes:")))


def forget(paths: Iterable[Path]) -> None:
    """Ask the system to give the cached pages of files back, so that they are read from storage again."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long something takes, and what it gives."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def say(text: str) -> None:
    """Tell how far a long benchmark is."""
    print(text, file=sys.stderr, flush=True)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A table in Markdown; the first row names the columns."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def save(name: str, results: dict[str, Any], *, show: bool = True) -> None:
    """Keep results with the machine they come from, and print them."""
    machine = {"python": platform.python_version(), "processor": processor(), "cores": os.cpu_count()}
    text = json.dumps({"machine": machine, **results}, indent=1)
    RESULTS.mkdir(exist_ok=True, parents=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    if show:
        print(text)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
