"""Pictures of a failure and its report for the documents: a real gate of a made-up release, seen in Chromium.

The release is a function that now and then shows a training photograph, whole or a part of it; its other
samples are cuttings of photographs that are not in the index. Extras: ``objects`` and ``weights``.

    python benchmarks/report_pictures.py [--work FOLDER]
"""

from __future__ import annotations

import argparse
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "fixtures" / "photos"
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "tests" / "shared"))

from chromium import Browser, chromium  # noqa: E402

from pytest_replication import read_results  # noqa: E402
from pytest_replication.reports.html import html_report  # noqa: E402

HOLDOUT = 200
RELEASE = """
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

TRAINING = sorted(Path("photos").glob("*.jpg"))
OTHERS = sorted(Path("others").glob("*.jpg"))


def cutting(image, draw, least=0.5):
    wide, high = image.size
    share = draw.uniform(least, 1)
    left, top = draw.uniform(0, 1 - share, 2)
    box = (left * wide, top * high, (left + share) * wide, (top + share) * high)
    return image.crop([round(value) for value in box])


def one(seed):
    draw = np.random.default_rng(seed)
    other = cutting(Image.open(OTHERS[draw.integers(len(OTHERS))]).convert("RGB"), draw)
    other = ImageOps.fit(other, (512, 384))
    image = Image.open(TRAINING[int(abs(draw.normal(0, 5))) % len(TRAINING)]).convert("RGB")
    kind = draw.random()
    if kind < 0.12:
        image = ImageOps.fit(cutting(image, draw, 0.85), (512, 384))
        return ImageEnhance.Color(image).enhance(draw.uniform(0.6, 1.3)).rotate(draw.uniform(-2, 2))
    if kind < 0.22:
        part = ImageOps.contain(cutting(image, draw, 0.6), (250, 250)).rotate(draw.uniform(-8, 8))
        other.paste(part, (int(draw.integers(20, 240)), int(draw.integers(20, 120))))
    return other


def generate(seeds, prompts):
    return [one(seed) for seed in seeds]


def holdout(count):
    Path("holdout").mkdir(exist_ok=True)
    draw = np.random.default_rng(1_000_000)
    for number in range(count):
        image = cutting(Image.open(OTHERS[number % len(OTHERS)]).convert("RGB"), draw)
        ImageOps.fit(image, (512, 384)).save(f"holdout/{number:03}.png")
"""
TESTS = """
def test_release_copies_nothing(replication_samples, assert_no_replication):
    assert_no_replication(replication_samples, threshold=0.5, objects=True)


def test_photographs_of_others_pass(assert_no_replication):
    assert_no_replication("others", threshold=0.75)
"""
CAPTIONS = ("at dawn", "seen from the left", "35 mm film", "on an overcast day")
PART = """(() => {
  const list = document.getElementById("kind");
  list.value = "part";
  list.dispatchEvent(new Event("change"));
})()"""
BOX = """(() => {
  const box = document.activeElement.getBoundingClientRect();
  return {x: box.x + scrollX - 8, y: box.y + scrollY - 8, width: box.width + 16,
    height: box.height + 16, scale: 1};
})()"""
COLUMNS = 132
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #16181d }}
pre {{ margin: 0; padding: 16px; width: max-content; color: #d8dbe2 }}
pre {{ font: 13px/1.45 "DejaVu Sans Mono", monospace }}
.b {{ font-weight: bold }}
.r {{ color: #ff7b72 }}
.g {{ color: #7ee787 }}
.y {{ color: #e3b341 }}
.c {{ color: #79c0ff }}
</style><pre id="all">{lines}</pre>"""
COLOURS = {"1": "b", "31": "r", "32": "g", "33": "y", "36": "c", "91": "r", "92": "g", "94": "c"}
EVERYTHING = """(() => {
  const box = document.getElementById("all").getBoundingClientRect();
  return {x: 0, y: 0, width: box.width, height: box.height, scale: 1};
})()"""
DECODED = "Promise.all([...document.images].map((image) => image.decode())).then(() => 0)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="folder that is kept (default: a temporary one)")
    work: Path | None = parser.parse_args().work
    program = chromium()
    if program is None:
        raise SystemExit("no Chromium: install one, or name it in $CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        place = work or Path(folder)
        gate(place)
        shorten(place)
        with Browser(program, Path(folder) / "profile") as browser:
            look(browser, place / "report" / "report.html", Path(folder))
            look_at_terminal(browser, place / "terminal.txt", Path(folder))


def gate(work: Path) -> None:
    """Build an index of photographs with captions, and gate the release against it."""
    for name, source in (("photos", "training"), ("others", "unrelated")):
        shutil.copytree(PHOTOS / source, work / name, dirs_exist_ok=True)
    titles = []
    for number, path in enumerate(sorted((work / "photos").glob("*.jpg"))):
        titles.append(f"{path.stem.replace('-', ' ')}, {CAPTIONS[number % len(CAPTIONS)]}")
        path.with_suffix(".txt").write_text(titles[-1])
    shutil.copy(work / "photos" / "astronaut.jpg", work / "photos" / "astronaut-2.jpg")
    (work / "prompts.txt").write_text("".join(f"{title}\n" for title in titles))
    (work / "release.py").write_text(RELEASE)
    (work / "test_release.py").write_text(TESTS)
    program = [sys.executable, "-m", "pytest_replication.cli"]
    if not (work / "index").exists():
        subprocess.run([*program, "build", "photos", "--out", "index", "--objects"], cwd=work, check=True)
        subprocess.run([*program, "duplicates", "index", "--threshold", "0.9"], cwd=work, check=True)
        subprocess.run(
            [sys.executable, "-c", f"import release; release.holdout({HOLDOUT})"], cwd=work, check=True
        )
        calibrate = ["calibrate", "index", "--holdout", "holdout", "--plant", "0", "--objects", "0"]
        subprocess.run([*program, *calibrate], cwd=work, check=True)
    options = ["index=index", "model=release:generate", "prompts=prompts.txt", "seeds-per-prompt=2"]
    options.append("report=report")
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "--color=yes",
        *(f"--replication-{option}" for option in options),
    ]
    there = {"PYTHONPATH": f"{work}:{ROOT}", "COLUMNS": str(COLUMNS)}
    done = subprocess.run(tests, cwd=work, env=os.environ | there, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    (work / "terminal.txt").write_text(done.stdout.replace(f"{work.resolve()}/", ""))
    if done.returncode != 1 or read_results(work / "report").outcome != "fail":
        raise SystemExit(f"the gate ended with {done.returncode}, and not with copies")


def shorten(work: Path) -> None:
    """Render the report again with paths as from the folder, which say nothing of this machine."""
    file = work / "report" / "results.json"
    file.write_text(file.read_text().replace(f"{work.resolve()}/", ""))
    page = html_report(read_results(file), budget=20_000_000)
    (work / "report" / "report.html").write_text(page, encoding="utf-8")


def look(browser: Browser, page: Path, folder: Path) -> None:
    """Take the pictures of the documents."""
    IMAGES.mkdir(exist_ok=True)
    browser.open(page, wide=1280, high=1560)
    browser.run(DECODED)
    keep(browser, folder, "report")
    browser.open(page, wide=1280, high=900, dark=True)
    browser.run(PART)
    browser.run(DECODED)
    browser.press("j")
    browser.press("s")
    box = browser.run(BOX)
    keep(browser, folder, "report-part", clip=box)


def look_at_terminal(browser: Browser, said: Path, folder: Path) -> None:
    """Take the picture of what pytest printed, from the failure on, in its colours."""
    lines = said.read_text().splitlines()
    first = next(place for place, line in enumerate(lines) if "= FAILURES =" in line)
    page = folder / "terminal.html"
    page.write_text(TERMINAL.format(lines="\n".join(coloured(line) for line in lines[first:])))
    browser.open(page, wide=1400, high=900)
    keep(browser, folder, "failure", quality=60, clip=browser.run(EVERYTHING))


def coloured(line: str) -> str:
    """A line with colours of a terminal as HTML, cut where the terminal ends."""
    made, room, open_ = "", COLUMNS, 0
    for text, codes in re.findall(r"([^\x1b]*)(?:\x1b\[([\d;]*)m)?", line):
        shown = text if len(text) <= room else f"{text[: room - 1]}…" if room else ""
        made, room = made + html.escape(shown), max(0, room - len(text))
        if codes in ("0", "39;49;00"):
            made, open_ = made + "</span>" * open_, 0
        for code in filter(None, (COLOURS.get(code) for code in codes.split(";"))):
            made, open_ = f'{made}<span class="{code}">', open_ + 1
    return made + "</span>" * open_


def keep(browser: Browser, folder: Path, name: str, quality: int = 82, **given: object) -> None:
    """Store what the browser shows as WebP."""
    browser.picture(folder / "shot.png", **given)
    with Image.open(folder / "shot.png") as shot:
        shot.convert("RGB").save(IMAGES / f"{name}.webp", quality=quality, method=6)
    size = (IMAGES / f"{name}.webp").stat().st_size
    print(f"{IMAGES / name}.webp: {size:,} bytes")
    if size > 200_000:
        raise SystemExit("more than 200 kB")


if __name__ == "__main__":
    main()
