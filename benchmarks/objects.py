r"""Which copies of a part of a training image are found: objects, patches, backgrounds?

    apt-get install tuxpaint-stamps-default gnome-backgrounds mate-backgrounds \
        plasma-workspace-wallpapers lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 ukui-wallpapers
    pip install 'pytest-replication[bench]'
    python benchmarks/objects.py --photographs FOLDER ... --cutouts FOLDER [--work FOLDER] [--scorer sscd]

Folders of photographs may hold drawings and plain patterns as well, as those of wallpapers do; `--natural`
names those folders that hold nothing but photographs. Patches are then cut out of these; one row has patches
of the others.

Pictures that show the same are taken once (`object_pictures` says how). Photographs are dealt out to those
under the objects of training pictures, those that are trained on as they are, hosts of copies, and, for the
negatives, sources and hosts; cut-outs to training and negatives. A row of the table is a synthetic set of a
recipe of `benchmark.synthetic.pasted`. Its negatives are made by the same recipe of the sources and hosts for
negatives. Where sources are fewer than copies each is used again, with other draws; results tell how many
there are.

Some negatives do show what a training picture shows: the same animal on the next photograph of a roll, a
drawing once more, two wallpapers with one pattern. Those that were seen, by eye, among the negatives that
score high, are listed in `object_relations.json` with what they show, and left out of the rows; figures with
them are in the results, too (``as_dealt``).

A threshold is fixed on half of the negatives, and what it flags is counted on the other half; all copies of
one source are in one half. A sample is flagged when its score is above the threshold; a positive counts as
found when the training picture that was named is the right one, too. Bounds are those of Clopper and Pearson,
at 95 %. They take samples as independent, which those of one source are not quite.

`--only-sets` makes the pictures and stops. `README.txt` in the folder of the work says how they lie.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hard_negatives import FAMILIES, draw
from measure import save, say
from numpy.typing import NDArray
from object_pictures import Wanted, complete, deal, on_white, photographs
from PIL import Image

from pytest_replication import BuildOptions, Index, Samples, build_index, open_index
from pytest_replication.benchmark.synthetic.make import make_set
from pytest_replication.benchmark.synthetic.pasted import degrade, object_paste
from pytest_replication.benchmark.synthetic.recipe import Ingredients
from pytest_replication.benchmark.synthetic.segmented import Segmented
from pytest_replication.embedders.sscd import PAPER_THRESHOLD
from pytest_replication.images.decode import decode
from pytest_replication.images.local import DETECTOR
from pytest_replication.objects import POINTS
from pytest_replication.reports.objects import part_data
from pytest_replication.scoring.geometry import EVIDENCE
from pytest_replication.search.embed import embed_samples
from pytest_replication.search.objects import CANDIDATES, VOTED, find_objects
from pytest_replication.search.votes import ASKED
from pytest_replication.stats.intervals import lower_bound, upper_bound

PHOTOGRAPHS = ("/usr/share/backgrounds", "/usr/share/wallpapers")
CUTOUTS = ("/usr/share/tuxpaint/stamps",)
WITHOUT = ("symbols", "flags")
"""Stamps that are passed over: letters, digits, coins; flags are among the hard negatives."""

RELATED = Path(__file__).with_name("object_relations.json")
BLOCK = 100
"""Queries that are looked at together."""
POOLED, ROW = 0.001, 0.01
JUST_BELOW = 0.999999
"""A check flags from its threshold on, scorers above it."""
TAIL = 0.975
FAMILY_TRAINING, FAMILY_QUERIES = 20, 100
WORN, WORN_QUALITY = "logo", 60
"""Family of hard negatives that is looked at once more, worn (`wear`)."""
OBJECT_WIDTH = 0.6
SPREAD = {"smallest": 0.5, "largest": 2.0, "shear": 0.2}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        kind: of synthetic sets.
        sources: of which training pictures: ``objects`` on photographs; ``natural``, photographs; ``others``,
            pictures of the same folder of which it is not known that they are photographs.
        parameters: of the recipe.
        reach: true-positive rate to reach with 1 % of the negatives flagged; None for none.
    """

    kind: str
    sources: str
    reach: float | None
    parameters: Mapping[str, float] = field(default_factory=dict)


ROWS = {
    "object-80": Row("object_paste", "objects", 0.97, {"width": 0.8}),
    "object-60": Row("object_paste", "objects", 0.96, {"width": 0.6}),
    "object-40": Row("object_paste", "objects", 0.92, {"width": 0.4}),
    "object-25": Row("object_paste", "objects", 0.75, {"width": 0.25}),
    "patch-70": Row("patch_paste", "natural", 0.99, {"side": 0.7}),
    "patch-50": Row("patch_paste", "natural", 0.99, {"side": 0.5}),
    "patch-35": Row("patch_paste", "natural", 0.95, {"side": 0.35}),
    "patch-50-degraded": Row("patch_paste", "natural", 0.98, {"degraded": 1}),
    "patch-50-degraded-60": Row("patch_paste", "natural", 0.95, {"degraded": 1, "scale": 0.6}),
    "patch-50-turned-20": Row("patch_paste", "natural", 0.98, {"turn": 20}),
    "object-turned-15": Row("object_paste", "objects", 0.95, {"turn": 15, **SPREAD}),
    "object-turned-30": Row("object_paste", "objects", 0.90, {"turn": 30, **SPREAD}),
    "redrawn": Row("redrawn", "objects", 0.90),
    "background-kept": Row("foreground_replaced", "objects", 0.95),
    "patch-50-others": Row("patch_paste", "others", None, {"side": 0.5}),
}
FOLDERS = {"objects": "objects", "natural": "plain", "others": "plain"}
"""Where the training pictures of a row are."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """What is measured.

    Attributes:
        run: gets the folder of the work, the files of training pictures and of queries, and gives for each
            query in turn ``score`` (the higher the more of a copy), ``found`` (number of the training
            picture, None for none) and ``seconds``.
        fixed: threshold that it has by itself, above which it flags; None for none.
        measures: what its answers depend on; answers of another one are not taken.
    """

    run: Callable[[Path, Sequence[Path], Sequence[Path]], Iterator[dict[str, Any]]]
    fixed: float | None
    measures: str


def sscd(work: Path, training: Sequence[Path], queries: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The whole image, as `assert_no_replication` looks at it."""
    index = _index_of(work, training)
    stored = np.concatenate([np.asarray(shard.embeddings()[0], np.float32)[:, 0] for shard in index.shards])
    for paths in _blocks(queries):
        started = time.perf_counter()
        scores = _vectors(work, index, paths)[:, 0] @ stored.T
        spent = (time.perf_counter() - started) / len(paths)
        for row in scores:
            yield {"score": float(row.max()), "found": int(row.argmax()), "seconds": spent}


def objects(work: Path, training: Sequence[Path], queries: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Local features and geometry, as `search.objects` looks at them: points that lie alike."""
    place = {str(path): number for number, path in enumerate(training)}
    index = _index_of(work, training)
    for paths in _blocks(queries):
        found = find_objects(index, Samples.of(list(paths)), _vectors(work, index, paths), progress=False)
        seconds = (found.searching_seconds + found.comparing_seconds) / len(paths)
        for alike in found.of:
            yield {
                "score": alike[0].points if alike else 0,
                "found": place[alike[0].record.uri] if alike else None,
                "seconds": seconds,
                "part": part_data(alike[0]) if alike else None,
            }


def _blocks(queries: Sequence[Path]) -> Iterator[Sequence[Path]]:
    return (queries[first : first + BLOCK] for first in range(0, len(queries), BLOCK))


def _index_of(work: Path, training: Sequence[Path]) -> Index:
    """The index of the training pictures, made once; whole images are embedded, parts are not."""
    folder = work / "index"
    if not folder.is_dir():
        build_index(list(training), folder, BuildOptions(embedder="sscd", dtype="float16", objects="whole"))
    return open_index(folder)


def _vectors(work: Path, index: Index, paths: Sequence[Path]) -> NDArray[np.float32]:
    """Vectors of pictures, kept one by one: they are the same for every scorer."""
    folder = work / "vectors"
    folder.mkdir(exist_ok=True)
    kept = [folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:20]}.npy" for path in paths]
    new = [place for place, file in enumerate(kept) if not file.is_file()]
    if new:
        made = embed_samples(index, Samples.of([paths[place] for place in new]))
        for place, vector in zip(new, made, strict=True):
            np.save(kept[place].with_suffix(".new.npy"), vector)
            kept[place].with_suffix(".new.npy").rename(kept[place])
    return np.stack([np.load(file) for file in kept])


SCORERS: dict[str, Scorer] = {
    "sscd": Scorer(sscd, 0.5, "sscd"),
    "objects": Scorer(objects, None, f"{DETECTOR}; {EVIDENCE}; {CANDIDATES}, {VOTED} by votes of {ASKED}"),
}


def answers_of(
    work: Path, name: str, training: Sequence[Path], queries: Sequence[Path], answered: bool
) -> dict[Path, dict[str, Any]]:
    """What a scorer says of every query; kept as it comes, so that a run that was stopped goes on.

    With `answered` it is asked nothing more.
    """
    scorer = SCORERS[name]
    file = work / f"answers-{name}.jsonl"
    kept = file.read_text().splitlines(keepends=True) if file.is_file() else []
    kept = [line for line in kept if line.endswith("\n")]  # the last one may have been cut off
    if kept and json.loads(kept[0]) != scorer.measures:
        raise SystemExit(f"{file} holds answers of {kept[0]}, not of {scorer.measures!r}: remove it")
    told = {Path(one.pop("query")): one for one in map(json.loads, kept[1:])}
    left = [] if answered else [query for query in queries if query not in told]
    if not left:
        return told
    with file.open("w") as out:
        out.writelines(kept or [json.dumps(scorer.measures) + "\n"])
        out.flush()
        for query, answer in zip(left, scorer.run(work, training, left), strict=True):
            told[query] = answer
            out.write(json.dumps({"query": str(query), **answer}) + "\n")
            if len(told) % BLOCK == 0:
                out.flush()
                say(f"{name}: {len(told)} of {len(queries)}")
    return told


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made.

    Attributes:
        work: folder for all pictures.
        positives: of each row.
        negatives: of each row.
        seed: of all chance.
        natural: folders of nothing but photographs; none where all are.
        first: pictures of each row, side and family that are measured; None for all.
        answered: whether only those count that all scorers were asked about before.
    """

    work: Path
    positives: int
    negatives: int
    seed: int
    natural: tuple[str, ...] = ()
    first: int | None = None
    answered: bool = False

    def folder(self, row: str, side: str) -> Path:
        """Where the positives or negatives of a row are."""
        return self.work / "rows" / row / side


def main() -> None:
    args = parsed()
    work = args.work or Path(tempfile.gettempdir()) / "pytest-replication-objects"
    work.mkdir(parents=True, exist_ok=True)
    natural = tuple(args.natural)
    plan = Plan(work, args.positives, args.negatives, args.seed, natural, args.first, args.answered)
    given = (tuple(args.photographs), tuple(args.cutouts), tuple(args.without))
    wanted = Wanted(*given, least=args.least, seed=args.seed)
    dealt = deal(work / "pictures", wanted)
    make_training(plan)
    sort_natural(plan, wanted)
    wear(plan)
    rows = [row for row in args.rows if plan.natural or ROWS[row].sources != "others"]
    make_rows(plan, rows, args.processes)
    (work / "README.txt").write_text(LAYOUT)
    if args.only_sets:
        return
    results = measured(plan, rows, args.scorer)
    save(args.name, {"pictures": dealt, "natural": natural, "seed": args.seed, **results}, show=False)
    for name, result in results["scorers"].items():
        print(f"\n{name}\n\n{as_table(result)}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photographs", nargs="+", default=PHOTOGRAPHS, metavar="FOLDER")
    parser.add_argument(
        "--natural", nargs="+", default=(), metavar="FOLDER", help="Those that hold nothing else"
    )
    parser.add_argument("--cutouts", nargs="+", default=CUTOUTS, metavar="FOLDER")
    parser.add_argument("--without", nargs="*", default=WITHOUT, metavar="NAME", help="Folders of cut-outs")
    parser.add_argument("--least", type=int, default=240, help="Shorter side of a photograph, in pixels")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="Where pictures are kept")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--positives", type=int, default=200, help="Of each row")
    parser.add_argument("--negatives", type=int, default=500, help="Of each row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="That make sets")
    parser.add_argument("--scorer", nargs="+", choices=list(SCORERS), default=["sscd"])
    parser.add_argument("--first", type=int, metavar="N", help="Measure no more of each row, side and family")
    parser.add_argument("--answered", action="store_true", help="Ask nothing: judge what was answered")
    parser.add_argument("--only-sets", action="store_true", help="Measure nothing")
    parser.add_argument("--name", default="objects", help="Of the results")
    return parser.parse_args()


LAYOUT = """\
training/objects/NNNN.png     an object at 60 % of the width on a photograph
training/plain/NNNN.png       photographs
training/families/F/NNNN.png  pictures of the families of hard negatives
labels/objects/NNNN.png       masks of the first: 1 is the object
sorted/training/natural/      links to photographs among training/plain/, others/ to the rest; sorted/sources/
rows/ROW/positives/           NNNNNN.png, and truth.json, see below
rows/ROW/negatives/           the same
hard/F/NNNN.png               hard negatives; hard/photographs: photographs nobody trained on, as they are
worn/                         emblems of hard/ with other colours and noise, compressed
sources/                      pictures that negatives are made of, laid out as training/
pictures/                     what all of it was made of

truth.json is a list in the order of the pictures. "picture" is the name of the file, "source" the path below
training/ (of negatives: below sources/), "host" what the part was pasted into (below pictures/hosts or
pictures/negative-hosts). "from" and "to" are the corners of the part in source and picture, in pixels and in
the same order: upper left, upper right, lower right, lower left of the source. background-kept has neither:
what was not replaced stays where it was.
"""


def make_training(plan: Plan) -> None:
    """Lay out training pictures, sources of negatives, and hard negatives, once."""
    pictures = plan.work / "pictures"
    wish = {"seed": plan.seed, "families": [*FAMILIES]}

    def fill(folder: Path) -> dict[str, Any]:
        shutil.copytree(pictures / "plain", folder / "plain")
        count = objects_on(
            sorted((pictures / "objects").iterdir()),
            sorted((pictures / "under-objects").iterdir()),
            folder / "objects",
            plan.work / "labels" / "objects",
            plan.seed,
        )
        for family in FAMILIES:
            draw(folder / "families" / family, family, FAMILY_TRAINING, plan.seed)
            draw(plan.work / "hard" / family, family, FAMILY_QUERIES, plan.seed, first=FAMILY_TRAINING)
        return {"objects": count}

    def fill_sources(folder: Path) -> dict[str, Any]:
        shutil.copytree(pictures / "negative-sources", folder / "plain")
        backgrounds = sorted((pictures / "negative-sources").iterdir())
        cutouts = sorted((pictures / "negative-objects").iterdir())
        again = [backgrounds[number % len(backgrounds)] for number in range(len(cutouts))]
        count = objects_on(
            cutouts, again, folder / "objects", plan.work / "labels" / "negative-objects", plan.seed + 1
        )
        untrained = plan.work / "hard" / "photographs"
        shutil.rmtree(untrained, ignore_errors=True)
        untrained.mkdir(parents=True)
        for part in ("negative-sources", "negative-hosts"):
            for path in (pictures / part).iterdir():
                shutil.copy(path, untrained)
        return {"objects": count}

    complete(plan.work / "training", wish, fill)
    complete(plan.work / "sources", wish, fill_sources)


def sort_natural(plan: Plan, wanted: Wanted) -> None:
    """Lay links to photographs, and to what may be none, into folders of their own."""

    def fill(folder: Path) -> dict[str, Any]:
        known = {digest_of(image) for image in photographs(replace(wanted, photographs=plan.natural))}
        counts: dict[str, Any] = {}
        for part in ("training", "sources"):
            for path in sorted((plan.work / part / "plain").iterdir()):
                kind = "natural" if not known or pixels_of(path) in known else "others"
                (folder / part / kind).mkdir(parents=True, exist_ok=True)
                (folder / part / kind / path.name).hardlink_to(path)
                counts[f"{part}, {kind}"] = counts.get(f"{part}, {kind}", 0) + 1
        return counts

    complete(plan.work / "sorted", {"natural": list(plan.natural)}, fill)


def wear(plan: Plan) -> None:
    """Lay out emblems once more with other colours and noise, compressed."""

    def fill(folder: Path) -> dict[str, Any]:
        for number, path in enumerate(sorted((plan.work / "hard" / WORN).glob("*.png"))):
            worn = degrade(Image.open(path).convert("RGB"), np.random.default_rng([plan.seed, number]))
            packed = io.BytesIO()
            worn.save(packed, "JPEG", quality=WORN_QUALITY)
            decode(packed.getvalue()).save(folder / path.name, compress_level=1)
        return {}

    complete(plan.work / "worn", {"seed": plan.seed}, fill)


def objects_on(
    cutouts: Sequence[Path], backgrounds: Sequence[Path], folder: Path, labels: Path, seed: int
) -> int:
    """Paste each cut-out on a photograph of its own, at 60 % of its width, and write its mask."""
    for place in (folder, labels):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    pairs = list(zip(cutouts, backgrounds, strict=False))
    for number, (cutout, background) in enumerate(pairs):
        rng = np.random.default_rng([seed, number])
        piece, host = Image.open(cutout), decode(background.read_bytes())
        solid = np.asarray(piece.getchannel("A")) >= 128
        ones = Segmented(on_white(piece), solid.astype(np.int32), {1: "object"})
        state = rng.bit_generator.state
        (mixed,) = object_paste(Ingredients(ones, (host,), 1, 0, rng), width=OBJECT_WIDTH, mirrored=0)
        # The same draws with an object and a host of two plain colours give the mask.
        rng.bit_generator.state = state
        shape = Segmented(Image.new("RGB", piece.size, "white"), ones.labels, ones.classes)
        black = Image.new("RGB", host.size)
        (mask,) = object_paste(Ingredients(shape, (black,), 1, 0, rng), width=OBJECT_WIDTH, mirrored=0)
        if mixed is None or mask is None:
            raise SystemExit(f"{cutout} has no pixel left on {background}")
        mixed.image.save(folder / f"{number:04d}.png", compress_level=1)
        covered = np.asarray(mask.image)[..., 0] > 0
        Image.fromarray(covered.astype(np.uint8)).save(labels / f"{number:04d}.png")
    return len(pairs)


def make_rows(plan: Plan, rows: Sequence[str], processes: int) -> None:
    """Make all sets that are not there yet."""
    jobs = [(plan, row, side) for row in rows for side in ("positives", "negatives")]
    with ProcessPoolExecutor(processes) as pool:
        for name in pool.map(make_side, *zip(*jobs, strict=True)):
            say(name)


def make_side(plan: Plan, name: str, side: str) -> str:
    """Make the positives or the negatives of a row."""
    row, positive = ROWS[name], side == "positives"
    count = plan.positives if positive else plan.negatives
    sources = plan.work / ("training" if positive else "sources") / "objects"
    if row.sources != "objects":
        sources = plan.work / "sorted" / sources.parent.name / row.sources
    labels = plan.work / "labels" / ("objects" if positive else "negative-objects")
    hosts = plan.work / "pictures" / ("hosts" if positive else "negative-hosts")
    seed = plan.seed + 1000 * list(ROWS).index(name) + (0 if positive else 500)
    wish = {"count": count, "seed": seed, "kind": row.kind, "parameters": dict(row.parameters)}
    wish |= {"sources": row.sources}

    def fill(folder: Path) -> dict[str, Any]:
        made = make_set(
            row.kind,
            f"labels:{sources}:{labels}" if row.sources == "objects" else str(sources),
            folder / "set",
            seed=seed,
            count=count,
            distractors=0,
            parameters=row.parameters,
            others=str(hosts),
            progress=False,
        )
        truth = []
        for number, query in enumerate(made.queries):
            name = f"{number:06d}.png"
            query.picture.path.rename(folder / name)
            told = dict(query.made)
            source = f"{FOLDERS[row.sources]}/{told.pop('source')}"
            truth.append({"picture": name, "source": source, **told})
        shutil.rmtree(folder / "set")
        (folder / "truth.json").write_text(json.dumps(truth, indent=1))
        return {"skipped": made.about["skipped"]}

    folder = plan.folder(name, side)
    folder.parent.mkdir(parents=True, exist_ok=True)
    complete(folder, wish, fill)
    return f"{name}: {count} {side}"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a scorer says of some queries.

    Attributes:
        score: (n,) float64.
        right: (n,) bool: whether the right training picture is named.
        source: of each.
        seconds: all together.
    """

    score: NDArray[np.float64]
    right: NDArray[np.bool_]
    source: Sequence[str]
    seconds: float

    def found(self, threshold: float) -> NDArray[np.bool_]:
        """Which are above a threshold and find the right training picture."""
        return self.right & (self.score > threshold)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a scorer said of queries.

    Attributes:
        of: of each query.
        ids: names of the training pictures, in their order.
    """

    of: Mapping[Path, dict[str, Any]]
    ids: Sequence[str]

    def known(self, queries: Iterable[Path]) -> list[Path]:
        """Those that it was asked about."""
        return [query for query in queries if query in self.of]

    def scored(self, queries: Sequence[Path], sources: Sequence[str]) -> Scored:
        """All of these, and whether their training pictures were named."""
        told = [self.of[path] for path in queries]
        right = [
            one["found"] is not None and self.ids[one["found"]] == source
            for one, source in zip(told, sources, strict=True)
        ]
        score = np.array([one["score"] for one in told], np.float64)
        return Scored(score, np.array(right, np.bool_), sources, sum(one["seconds"] for one in told))


def measured(plan: Plan, rows: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Run scorers over all queries, and judge them."""
    training = sorted((plan.work / "training").rglob("*.png"))
    ids = [path.relative_to(plan.work / "training").as_posix() for path in training]
    every = queries_of(plan, rows)
    found: dict[str, Answers] = {}
    for name in names:
        say(f"{name}: {len(training)} training pictures, {len(every)} queries")
        found[name] = Answers(answers_of(plan.work, name, training, every, plan.answered), ids)
    fixed = {name: SCORERS[name].fixed for name in names}
    if {"sscd", "objects"} <= set(names):
        found["gate"], fixed["gate"] = Answers(gate(found), ids), JUST_BELOW
    left_out = related(plan)
    return {
        "training_pictures": len(training),
        "rows": {row: about_row(plan, row) for row in rows},
        "scorers": {
            name: judged(plan, rows, answers, fixed[name], left_out)
            | {"as_dealt": judged(plan, rows, answers, fixed[name], frozenset())}
            for name, answers in found.items()
        },
    }


def gate(found: Mapping[str, Answers]) -> dict[Path, dict[str, Any]]:
    """What a check with ``objects`` says by itself: 1 from its threshold, or from enough points, on."""
    told = {}
    for query, part in found["objects"].of.items():
        if (whole := found["sscd"].of.get(query)) is None:
            continue
        scores = part["score"] / POINTS, whole["score"] / PAPER_THRESHOLD.value
        best = part if scores[0] >= scores[1] else whole
        seconds = part["seconds"] + whole["seconds"]
        told[query] = {"score": max(scores), "found": best["found"], "seconds": seconds}
    return told


def queries_of(plan: Plan, rows: Sequence[str]) -> list[Path]:
    """All pictures that are asked about: of these rows, and the hard negatives."""
    folders = [plan.folder(row, side) for row in rows for side in ("positives", "negatives")]
    folders += [folder for folder in sorted((plan.work / "hard").iterdir()) if folder.is_dir()]
    folders += [plan.work / "worn"]
    listed = [sorted(folder.rglob("*.png"))[: plan.first] for folder in folders]
    # The first of each, then the second: what is known half-way tells of all. Copies come before the rest.
    every = [path for turn in itertools.zip_longest(*listed) for path in turn if path is not None]
    return sorted(every, key=lambda path: "positives" not in path.parts)


def about_row(plan: Plan, row: str) -> dict[str, Any]:
    """What a row is made of."""
    told: dict[str, Any] = {
        "kind": ROWS[row].kind,
        "parameters": dict(ROWS[row].parameters),
        "reach": ROWS[row].reach,
    }
    for side in ("positives", "negatives"):
        truth = truth_of(plan.folder(row, side), plan.first)
        told[side] = {
            "pictures": len(truth),
            "sources": len({one["source"] for one in truth}),
            "hosts": len({one["host"] for one in truth if "host" in one}),
            "shrunk": sum(bool(one.get("shrunk")) for one in truth),
        }
    return told


def truth_of(folder: Path, first: int | None = None) -> list[dict[str, Any]]:
    truth: list[dict[str, Any]] = json.loads((folder / "truth.json").read_text())
    return truth[:first]


def related(plan: Plan) -> frozenset[Path]:
    """Pictures of negatives that show what a training picture shows."""
    listed = {one["pixels"] for one in json.loads(RELATED.read_text())["pictures"]}
    folders = ("sources", "pictures/negative-hosts", "hard/photographs")
    paths = [path for folder in folders for path in sorted((plan.work / folder).rglob("*.png"))]
    return frozenset(path for path in paths if pixels_of(path) in listed)


def pixels_of(path: Path) -> str:
    """Digest of the pixels of a picture."""
    return digest_of(Image.open(path).convert("RGB"))


def digest_of(image: Image.Image) -> str:
    """The same."""
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()[:16]


def made_of(plan: Plan, one: Mapping[str, Any]) -> set[Path]:
    """The pictures that a negative is made of."""
    host = Path(one.get("host", "")).name
    return {plan.work / "sources" / one["source"], plan.work / "pictures" / "negative-hosts" / host}


def judged(
    plan: Plan, rows: Sequence[str], answers: Answers, fixed: float | None, without: frozenset[Path]
) -> dict[str, Any]:
    """All figures of one scorer, but for negatives that are made of some pictures."""
    positives = {row: asked(plan, row, "positives", answers) for row in rows}
    negatives = {row: asked(plan, row, "negatives", answers, without) for row in rows}
    halves = {row: first_half(scored.source) for row, scored in negatives.items()}
    fixing = np.concatenate([negatives[row].score[halves[row]] for row in rows])
    reading = np.concatenate([negatives[row].score[~halves[row]] for row in rows])
    pooled, pooled_row = threshold(fixing, POOLED), threshold(fixing, ROW)
    table = []
    for row in rows:
        copies, others = positives[row], negatives[row].score[~halves[row]]
        own = threshold(negatives[row].score[halves[row]], ROW)
        limits = {"": own, "_pooled": pooled} | ({} if fixed is None else {"_fixed": fixed})
        line: dict[str, Any] = {"row": row, "reach": ROWS[row].reach, "threshold": own}
        for name, limit in limits.items():
            line[f"found{name}"] = share(copies.found(limit))
            line[f"flagged{name}"] = share(others > limit)
        line["right_whatever_the_score"] = share(copies.right)
        table.append(line)
    spent = [*positives.values(), *negatives.values()]
    return {
        "fixed": fixed,
        "seconds_per_sample": round(sum(s.seconds for s in spent) / sum(len(s.score) for s in spent), 4),
        "pooled": {
            "threshold": pooled,
            "fixed_on": len(fixing),
            "flagged": share(reading > pooled),
        },
        "negatives": {row: len(scored.score) for row, scored in negatives.items()},
        "rows": table,
        "hard": hard(plan, answers, {"1 %": pooled_row, "0.1 %": pooled}, fixed, without),
    }


def asked(
    plan: Plan, row: str, side: str, answers: Answers, without: frozenset[Path] = frozenset()
) -> Scored:
    folder = plan.folder(row, side)
    truth = [one for one in truth_of(folder, plan.first) if not without & made_of(plan, one)]
    truth = [one for one in truth if answers.known([folder / one["picture"]])]
    return answers.scored([folder / one["picture"] for one in truth], [one["source"] for one in truth])


def hard(
    plan: Plan, answers: Answers, limits: Mapping[str, float], fixed: float | None, without: frozenset[Path]
) -> dict[str, Any]:
    """How many hard negatives are flagged at thresholds that the pooled negatives give."""
    told: dict[str, Any] = {"thresholds": dict(limits), "families": {}}
    worn = answers.known(sorted((plan.work / "worn").glob("*.png"))[: plan.first])
    if worn:
        told["worn"] = _flagged(answers.scored(worn, [path.name for path in worn]).score, limits, fixed)
    scores = []
    for folder in sorted((plan.work / "hard").iterdir()):
        paths = [path for path in sorted(folder.glob("*.png"))[: plan.first] if path not in without]
        paths = answers.known(paths)
        scores.append(answers.scored(paths, [path.name for path in paths]).score)
        told["families"][folder.name] = _flagged(scores[-1], limits, fixed)
    told["all"] = _flagged(np.concatenate(scores), limits, fixed)
    return told


def _flagged(scores: NDArray[np.float64], limits: Mapping[str, float], fixed: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {name: share(scores > limit) for name, limit in limits.items()}
    if fixed is not None:
        told["fixed"] = share(scores > fixed)
    return told | {"highest": float(scores.max())}


def first_half(sources: Sequence[str]) -> NDArray[np.bool_]:
    """Every second source, with all that was made of it.

    Raises:
        SystemExit: all is of one source.
    """
    if len({*sources}) < 2:
        raise SystemExit("negatives of one source cannot be halved: give more pictures")
    chosen = set(sorted(set(sources))[::2])
    return np.array([source in chosen for source in sources], np.bool_)


def threshold(negatives: NDArray[np.float64], rate: float) -> float:
    """The lowest score above which no more than this share of negatives lie.

    Raises:
        SystemExit: there are none.
    """
    if not len(negatives):
        raise SystemExit("there are no negatives to fix a threshold on")
    return float(np.sort(negatives)[::-1][int(rate * len(negatives) + 1e-9)])


def share(hits: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its bounds."""
    count, of = int(hits.sum()), len(hits)
    return {
        "share": round(count / of, 4),
        "bounds": [round(lower_bound(count, of, TAIL), 4), round(upper_bound(count, of, TAIL), 4)],
        "of": f"{count} of {of}",
    }


def as_table(result: Mapping[str, Any]) -> str:
    """Rows and hard negatives in Markdown."""
    lines = [
        "| row | to reach | found at 1 % | others flagged | found at 0.1 % of all | at its own threshold |",
        "|---|---|---|---|---|---|",
    ]
    for line in result["rows"]:
        cells = [line["row"], "" if line["reach"] is None else f"{line['reach']:.2f}"]
        cells += [_cell(line.get(key)) for key in ("found", "flagged", "found_pooled", "found_fixed")]
        lines.append(f"| {' | '.join(cells)} |")
    pooled = result["pooled"]
    lines += ["", f"Negatives of all rows flagged at 0.1 %: {_cell(pooled['flagged'])}", ""]
    lines += ["| hard negatives | flagged at 1 % | at 0.1 % | at its own threshold |", "|---|---|---|---|"]
    listed = [*result["hard"]["families"].items(), ("all", result["hard"]["all"])]
    listed += [(f"{WORN}, worn", result["hard"]["worn"])] if "worn" in result["hard"] else []
    for name, told in listed:
        lines.append(f"| {name} | {' | '.join(_cell(told.get(key)) for key in ('1 %', '0.1 %', 'fixed'))} |")
    return "\n".join(lines)


def _cell(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return ""
    low, high = told["bounds"]
    return f"{told['share']:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
