"""Builds that are killed at random moments: never an index that opens and lies, always a resume."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = '''
"""Fork a build, kill it after a random time, look, resume, look again. Prints one JSON a trial."""
import contextlib, hashlib, json, os, random, signal, sys, time
from pathlib import Path

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.errors import IndexIncomplete, IndexNotFound
import pyarrow.parquet, scipy.special, tqdm, xxhash  # loaded once, before the forks

source, work, trials = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
options = BuildOptions(embedder="pixels", shard_rows=4, batch_size=2, progress=False)

def build(out):
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            build_index(source, out, options)
            os._exit(0)
        os._exit(1)
    return child

def digest(out):
    index = open_index(out)
    content = b"".join(shard.embeddings_path.read_bytes() for shard in index.shards)
    rows = [index.records([row])[row].id for row in range(index.rows)]
    return hashlib.sha256(content).hexdigest(), rows

started = time.monotonic()
assert os.waitpid(build(work / "whole"), 0)[1] == 0
took = time.monotonic() - started
whole = digest(work / "whole")
rng = random.Random(int(sys.argv[4]))
for trial in range(trials):
    out = work / f"killed-{trial}"
    child = build(out)
    time.sleep(rng.uniform(0, 1.1 * took))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        state = "complete" if digest(out) == whole else "LIES"
    except IndexNotFound:
        state = "nothing"
    except IndexIncomplete:
        state = "incomplete"
    resumed = os.waitpid(build(out), 0)[1] == 0 and digest(out) == whole
    leftovers = sorted(p.name for p in (out / "shards").iterdir() if not p.name.isdigit())
    print(json.dumps({"state": state, "resumed": resumed, "leftovers": leftovers}), flush=True)
'''


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_builds_that_are_killed_at_random_moments(training: Path, tmp_path: Path, kills: int) -> None:
    command = [sys.executable, "-c", HARNESS, training, tmp_path, str(kills), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(trials) == kills
    assert "LIES" not in {trial["state"] for trial in trials}
    assert all(trial["resumed"] for trial in trials)
    assert all(trial["leftovers"] == [] for trial in trials)
    # The kills have to hit the builds at work, or this shows nothing.
    assert sum(trial["state"] == "incomplete" for trial in trials) >= kills / 4
