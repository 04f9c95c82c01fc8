"""The main job on real photographs: build an index, run a suite against it, see a copy fail it.

Run it with `make demo`. Exits 0 when the suite passes and fails exactly as it should.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from pytest_replication.images.edits import EDITS

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "fixtures" / "photos" / "training"
WORK = ROOT / ".demo"
SHOWN = ("crop-70", "mirror", "jpeg-20", "recolour")


def main() -> int:
    shutil.rmtree(WORK, ignore_errors=True)
    run("pytest-replication build fixtures/photos/training --out .demo/index")
    make_copies(WORK / "copies")
    suite = run("pytest examples/demo --replication-index=.demo/index -p no:cacheprovider")
    as_expected = suite.returncode == 1 and "1 failed, 1 passed" in suite.stdout
    if not as_expected:
        print("The demo did not end as it should: one test had to pass and one to fail.")
        return 1
    print(
        "\nThe unrelated photographs passed: none comes near any of the 20 training photographs.\n"
        "The edited copies (crops, mirrors, JPEG, colours) failed the build, each beside its original."
    )
    return 0


def make_copies(folder: Path) -> None:
    """Play a model that copies: save edited copies of training photographs as its samples."""
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(PHOTOS.glob("*.jpg"))):
        name = SHOWN[number % len(SHOWN)]
        with Image.open(path) as image:
            EDITS[name](image.convert("RGB")).save(folder / f"sample-{number:02d}-{name}.png")
    print(f"\n(saved {number + 1} edited copies of training photographs in .demo/copies)")


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
