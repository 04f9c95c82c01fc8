"""Work on an index that is killed at random moments: never one that opens and lies, always a way on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

HARNESS = '''
"""Fork some work, kill it late or at a random moment, look, do it again, look again. Prints one JSON a trial."""
import contextlib, hashlib, json, os, random, shutil, signal, sys
from dataclasses import replace
from pathlib import Path

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.errors import IndexCorrupt, IndexIncomplete, IndexNotFound
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.removed import remove_images
import numpy, pyarrow.parquet, scipy.special, tqdm, xxhash  # loaded once, before the forks

source, more, work = map(Path, sys.argv[1:4])
trials, seed = int(sys.argv[4]), int(sys.argv[5])
options = BuildOptions(embedder="pixels", shard_rows=4, batch_size=2, progress=False)
gone = [path.name for path in sorted(source.iterdir())[1::3]]

WORK = {
    "build": lambda out: build_index(source, out, options),
    "append": lambda out: append_index(out, more, AppendOptions(batch_size=2, progress=False)),
    "remove": lambda out: remove_images(out, ids=gone),
    "compact": lambda out: compact_index(out),
    "overwrite": lambda out: build_index(source, out, replace(options, overwrite=True)),
}

class Steps:
    """Counts what this process asks of the file system, and kills it at one, or a moment after it."""

    def __init__(self, last, delay):
        self.count, self.last, self.delay = 0, last, delay
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if event == "open" or event.startswith("os."):
            self.count += 1
            if self.count == self.last and not self.delay:
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.count == self.last:  # nobody handles SIGALRM: as sudden as SIGKILL, and on time
                signal.setitimer(signal.ITIMER_REAL, self.delay)

def run(name, out, last=0, delay=0.0):
    """Do some work in a process of its own: how it ended, and the steps it took if nobody killed it."""
    counted = work / "steps"
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            steps = Steps(last, delay)
            WORK[name](out)
            if not last:
                counted.write_text(str(steps.count))
            os._exit(0)
        os._exit(1)
    ended = os.waitpid(child, 0)[1]
    return ended, 0 if last else int(counted.read_text())

def done(name, out):
    return run(name, out)[0] == 0

def digest(out):
    """What a search can find: the live vectors with their ids, and what is stored."""
    index = open_index(out)
    rows = numpy.setdiff1d(numpy.arange(index.manifest.stored), index.removed)
    content = numpy.concatenate([numpy.asarray(shard.embeddings()[0]) for shard in index.shards])[rows]
    ids = [index.records([row])[row].id for row in rows.tolist()]
    return hashlib.sha256(content.tobytes()).hexdigest(), ids, index.manifest.stored

# What each work starts from, and how it ends when nobody disturbs it.
before, after, steps = {}, {}, {}
last = None
for name in WORK:
    before[name] = last
    last = work / f"whole-{name}"
    if before[name]:
        shutil.copytree(before[name], last)
    ended, steps[name] = run(name, last)
    assert ended == 0
    after[name] = digest(last)

# The first one loaded modules as well, which this process has by now.
steps["build"] = run("build", work / "again")[1]

rng = random.Random(seed)
for trial in range(trials):
    name = list(WORK)[trial % len(WORK)]
    out = work / f"killed-{trial}"
    if before[name]:
        shutil.copytree(before[name], out)
    late = trial < len(WORK)
    if late:  # four fifths of the way, with some shards in place and some to come
        ended, _ = run(name, out, steps[name] * 4 // 5)
        assert ended == signal.SIGKILL, (name, ended)
    else:
        ended, _ = run(name, out, rng.randint(1, steps[name]), rng.uniform(1e-6, 0.003))
        assert ended in (0, signal.SIGALRM), ended
    try:
        found = digest(out)
        state = "complete" if found == after[name] else "LIES"
        if before[name] and found == digest(before[name]):
            state = "before"
    except IndexNotFound:
        state = "nothing"
    except IndexCorrupt as error:  # between the old index and the new one there is none
        state = "cleared" if "manifest.json is missing" in str(error) and name == "overwrite" else "BROKEN"
    except IndexIncomplete:
        state = "incomplete"
    again = "build" if name == "overwrite" and state != "before" else name
    resumed = done(again, out) and digest(out) == after[name]
    leftovers = sorted(p.name for p in (out / "shards").iterdir() if not p.name.isdigit())
    leftovers += sorted(p.name for p in out.glob("*") if name == "overwrite" and p.name.startswith("removed"))
    leftovers += sorted(p.name for p in out.glob(".*.new"))
    told = {"work": name, "late": late, "state": state, "resumed": resumed, "leftovers": leftovers}
    print(json.dumps(told), flush=True)
    shutil.rmtree(out)
'''


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.parametrize("kills", [10, pytest.param(125, marks=pytest.mark.slow)])
def test_work_that_is_killed_at_random_moments(
    picture: Callable[..., Image.Image], tmp_path: Path, kills: int
) -> None:
    for name, seeds in (("source", range(16)), ("more", range(16, 24))):
        (tmp_path / name).mkdir()
        for seed in seeds:
            picture(seed).save(tmp_path / name / f"{seed:02d}.png")
    folders = (tmp_path / "source", tmp_path / "more", tmp_path)
    command = [sys.executable, "-c", HARNESS, *folders, str(kills), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(trials) == kills
    assert {"LIES", "BROKEN"} & {trial["state"] for trial in trials} == set()
    assert all(trial["resumed"] for trial in trials)
    assert all(trial["leftovers"] == [] for trial in trials)
    # Where the others strike is up to the machine; these hit work that is under way, or this shows nothing.
    cut = [trial["state"] for trial in trials if trial["late"] and trial["work"] in ("build", "append")]
    assert cut == ["incomplete", "incomplete"]
