"""The main job: index the images that must not come back, and gate two releases of a model.

Run it with `make demo`. Exits 0 when the first release fails and the second passes, as they should.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".demo"
TRAINING = "fixtures/fashion-mnist/train-100.npz"
UNSEEN = "fixtures/fashion-mnist/unseen.npz"
COUNT = 64
GATE = f"--replication-index=.demo/index --replication-count={COUNT} --replication-cache=.demo/cache"


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    run(f"pytest-replication build {TRAINING} --embedder pixels --pixels 32 --out .demo/index")
    run(
        f"pytest-replication calibrate .demo/index --holdout {UNSEEN} --samples {COUNT} --fpr 0.05 "
        f"--images {TRAINING}"
    )
    ended = [gate("examples/demo/release-1.toml"), gate("examples/demo/release-2.toml")]
    run(
        f"pytest-replication check .demo/index examples/demo/release-1.toml --count {COUNT} "
        "--cache .demo/cache --pictures .demo/release-1.png"
    )
    if ended != [1, 0] or not (WORK / "release-1.png").is_file():
        print("The demo did not end as it should: release 1 had to fail with pictures, release 2 to pass.")
        return 1
    print(
        "\nRelease 1, trained on 100 images, gives them back and fails the build: .demo/release-1.png shows\n"
        "the worst beside their training images. Release 2, trained on 60,000, the same 100 among them,\n"
        f"passes. ({time.monotonic() - started:.0f} seconds; examples/demo/README.md says what is compared.)"
    )
    return 0


def gate(model: str) -> int:
    """Run the suite on a release; its exit status."""
    return run(f"pytest examples/demo {GATE} --replication-model={model} -p no:cacheprovider").returncode


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Show a command, run it with the tools of this environment, and show what it prints."""
    print(f"\n$ {command}", flush=True)
    program, *arguments = shlex.split(command)
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], cwd=ROOT, text=True, capture_output=True
    )
    print(done.stdout + done.stderr, end="", flush=True)
    return done


if __name__ == "__main__":
    sys.exit(main())
