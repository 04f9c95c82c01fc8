r"""Does score normalisation raise recall at 90 % precision, where unrelated images score high?

    apt-get install dataset-fashion-mnist
    pip install 'pytest-replication[bench]'
    python benchmarks/normalisation.py --out FOLDER [--training 2000] [--copies 600]

Small pictures of ten kinds of clothes look alike to a copy detector, so that one threshold for all
samples separates copies badly: what normalisation is for. Training images are the first of the
training file of Fashion-MNIST; images of nobody and the background set are parts of its test file that do not
overlap. `python benchmarks/retrieval.py --sets edits --scores inner inner+norm` asks the same of
photographs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import fashion_mnist
from measure import save
from PIL import Image
from retrieval import rows_of

from pytest_replication import cli

SETS = ("edits", "cutmix")
SCORES = ("inner", "inner+norm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--root", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--training", type=int, default=2000)
    parser.add_argument("--others", type=int, default=1000)
    parser.add_argument("--background", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=600, help="Of each set")
    parser.add_argument("--embedders", nargs="+", default=("sscd", "sscd-distilled"), metavar="NAME")
    args = parser.parse_args()
    training, test = (
        fashion_mnist.read(args.root / name) for name in (fashion_mnist.TRAIN, fashion_mnist.TEST)
    )
    stop = args.others + args.background
    parts = {
        "training": training[: args.training],
        "others": test[: args.others],
        "background": test[args.others : stop],
    }
    for name, images in parts.items():
        write(args.out / "pictures" / name, images)
    status = cli.main(
        [
            *("benchmark", "--out", str(args.out / "benchmark"), "--set", *SETS),
            *("--images", str(args.out / "pictures" / "training")),
            *("--others", str(args.out / "pictures" / "others")),
            *("--background", str(args.out / "pictures" / "background")),
            *("--count", str(args.copies), "--negatives", str(args.others // 2)),
            *("--embedder", *args.embedders, "--score", *SCORES),
        ]
    )
    if status:
        raise SystemExit(status)
    pictures = {name: len(images) for name, images in parts.items()}
    save(
        "normalisation",
        {"pictures": pictures, "copies": args.copies, "rows": rows_of(args.out / "benchmark")},
    )


def write(folder: Path, images: fashion_mnist.Images) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(images):
        path = folder / f"{number:05d}.png"
        if not path.exists():  # written again, it would make the sets that a stopped run goes on with others
            Image.fromarray(pixels).save(path)


if __name__ == "__main__":
    main()
