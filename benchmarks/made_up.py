"""An index of made-up rows in the real format, of any size, with duplicates whose truth is known.

    python benchmarks/made_up.py --rows 1000000 --keep FOLDER

Rows lie as embeddings do, around centres: the cosine of a row with its centre is between about 0.3
and 0.8. Some are there 2 to 1,000 times (many of them twice, few often), up to about 5 % of all
rows, all over the index; a third of the copies are exact, the others have a cosine of 0.97 to 0.999.

FOLDER then holds `index`, `recipe.json` and `truth.npz` (row, group and cosine of every image that
is there more than once). The same recipe makes the same rows; the other scripts take a FOLDER with
their recipe as it is. Only a folder that is empty or holds made-up rows is written to.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from measure import say, seconds
from numpy.typing import NDArray

from pytest_replication import Index, ReplicationError, open_index
from pytest_replication.embedders import EmbedderSpec
from pytest_replication.images.decode import DECODER
from pytest_replication.images.views import WHOLE
from pytest_replication.index.entries import SourceEntry
from pytest_replication.index.layout import ENGINES, SHARDS
from pytest_replication.index.manifest import DTYPES, Manifest
from pytest_replication.index.manifest_file import write_manifest
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.shard import Record, describe_file
from pytest_replication.index.writer import IndexWriter
from pytest_replication.search.codes import NAME as CODES
from pytest_replication.search.codes import open_codes
from pytest_replication.search.engines import planted

Vectors = NDArray[np.float32]
CENTRES = 4096
COSINES = (0.3, 0.8)
NEAR = (0.97, 0.999)
MOST_COPIES = 1000
_ROWS_A_GROUP = 500
_TAIL = 0.75
"""Share of groups with more than m copies falls as m to this power: on average there are 22."""
_BLOCK = 1024
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what the rows are."""

    rows: int
    dim: int = 512
    shard_rows: int = 65536
    dtype: str = "float32"
    seed: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Truth:
    """The rows that are there more than once.

    Attributes:
        rows: (m,) int64 numbers of these rows, sorted.
        groups: (m,) int64 group of each.
        cosines: (m,) float32 cosine of each with the original of its group: 1 for exact copies.
    """

    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    cosines: Vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_options(parser)
    args = parser.parse_args()
    if args.keep is None:
        parser.error("say with --keep where the rows go")
    took, index = seconds(lambda: write(recipe_of(args), args.keep))
    truth = read_truth(index)
    groups = len(np.unique(truth.groups))
    print(f"{index.path}: {index.rows} rows, {len(truth.rows)} of them in {groups} groups, {took:.1f} s")


def add_options(parser: argparse.ArgumentParser, rows: int = 1_000_000, flag: str = "--rows") -> None:
    """Declare what decides the rows, and where they are kept."""
    default = Recipe(rows)
    parser.add_argument(flag, dest="rows", type=int, default=rows, metavar="N")
    parser.add_argument("--dim", type=int, default=default.dim)
    parser.add_argument("--shard-rows", type=int, default=default.shard_rows)
    parser.add_argument("--dtype", choices=sorted(DTYPES), default=default.dtype)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="Keep the made-up rows for other runs")


def recipe_of(args: argparse.Namespace) -> Recipe:
    return Recipe(args.rows, args.dim, args.shard_rows, args.dtype, args.seed)


@contextmanager
def made_up(recipe: Recipe, keep: Path | None) -> Iterator[tuple[Index, Path]]:
    """The index of a recipe, and an empty folder on the same disk that is deleted in the end."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        index = write(recipe, keep)
    with tempfile.TemporaryDirectory(prefix="work-", dir=keep) as work:
        yield (index if keep is not None else write(recipe, Path(work, "made-up"))), Path(work)


def write(recipe: Recipe, folder: Path) -> Index:
    """Make the index of a recipe in a folder, unless it is there already."""
    if recipe.rows < 2 or recipe.dim < 2 or recipe.shard_rows < 1:
        raise SystemExit(f"{recipe} cannot be made: at least 2 rows of 2 numbers are needed")
    note = folder / "recipe.json"
    if folder.is_dir() and any(folder.iterdir()) and not note.is_file():
        raise SystemExit(f"{folder} holds other files than made-up rows: name a new or an empty folder")
    if note.is_file() and json.loads(note.read_text()) == asdict(recipe):
        try:
            index = open_index(folder / "index")
            read_truth(index)
        except (ReplicationError, OSError) as error:
            say(f"made anew: {error}")
        else:
            say(f"{folder} holds these {index.rows} rows already")
            return index
    shutil.rmtree(folder / "index", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(asdict(recipe), indent=1) + "\n")
    truth = _draw(recipe)
    np.savez(folder / "truth.npz", rows=truth.rows, groups=truth.groups, cosines=truth.cosines)
    _write_index(recipe, truth, folder / "index")
    return open_index(folder / "index")


def read_truth(index: Index) -> Truth:
    with np.load(index.path.with_name("truth.npz"), allow_pickle=False) as stored:
        return Truth(stored["rows"], stored["groups"], stored["cosines"])


def _draw(recipe: Recipe) -> Truth:
    """Choose which rows are copies of which original."""
    rng = np.random.default_rng([recipe.seed, 1])
    count, most = max(1, recipe.rows // _ROWS_A_GROUP), max(2, min(MOST_COPIES, recipe.rows // 50))
    # The same quantiles of the tail for every seed, so that no draw fills the index with copies.
    share = (np.arange(count) + 0.5) / count
    low, high = 2.0**-_TAIL, float(most) ** -_TAIL
    sizes = np.rint((low - share * (low - high)) ** (-1 / _TAIL)).astype(np.int64)
    groups = np.repeat(np.arange(count), rng.permutation(sizes))
    rows = rng.choice(recipe.rows, len(groups), replace=False)
    cosines = rng.uniform(*NEAR, len(groups)).astype(np.float32)
    cosines[rng.random(len(groups)) < 1 / 3] = 1
    cosines[np.unique(groups, return_index=True)[1]] = 1
    order = np.argsort(rows)
    return Truth(rows[order], groups[order], cosines[order])


def _write_index(recipe: Recipe, truth: Truth, folder: Path) -> None:
    """Write shards one after the other, while threads make the next ones."""
    spec = EmbedderSpec("made-up", recipe.dim, None, "none", "made-up")
    source, dtype = (SourceEntry("made-up", recipe.rows),), DTYPES[recipe.dtype]
    middles = centres(recipe)
    originals = clustered(np.random.default_rng([recipe.seed, 2]), int(truth.groups.max()) + 1, middles)
    waiting: deque[Future[Vectors]] = deque()
    starts = iter(range(0, recipe.rows, recipe.shard_rows))
    with IndexWriter(folder) as writer, ThreadPoolExecutor(_AHEAD, "rows") as pool:
        (folder / PROBE).touch()
        probe = describe_file(folder / PROBE)
        manifest = Manifest(spec, DECODER, WHOLE, dtype, recipe.shard_rows, "now", "0", probe, source)
        writer.start(manifest)
        for first in range(0, recipe.rows, recipe.shard_rows):
            while len(waiting) < _AHEAD and (start := next(starts, None)) is not None:
                waiting.append(pool.submit(_shard, recipe, truth, middles, originals, start))
            rows = waiting.popleft().result()
            records = [Record(f"{first + i}", f"{first + i}") for i in range(len(rows))]
            writer.add_shard(rows[:, None], records, [], "")
            if (first // recipe.shard_rows) % 16 == 15:
                say(f"{first + len(rows)} of {recipe.rows} rows written")
        writer.finish(recipe.rows, 0)


def _shard(recipe: Recipe, truth: Truth, middles: Vectors, originals: Vectors, first: int) -> Vectors:
    """The rows of the shard that begins with a row."""
    count = min(recipe.shard_rows, recipe.rows - first)
    rows = clustered(np.random.default_rng([recipe.seed, 3, first]), count, middles)
    low, high = np.searchsorted(truth.rows, [first, first + count])
    here, of = slice(low, high), originals[truth.groups[low:high]]
    rng = np.random.default_rng([recipe.seed, 4, first])
    near = mixed(of, truth.cosines[here], rng)
    rows[truth.rows[here] - first] = np.where(truth.cosines[here, None] == 1, of, near)
    return rows


def centres(recipe: Recipe) -> Vectors:
    """What the rows of a recipe lie around."""
    count = max(1, min(CENTRES, recipe.rows // 16))
    rng = np.random.default_rng([recipe.seed, 0])
    return _unit(rng.standard_normal((count, recipe.dim), dtype=np.float32))


def clustered(rng: np.random.Generator, count: int, middles: Vectors) -> Vectors:
    """Unit rows around random centres."""
    rows = np.empty((count, middles.shape[1]), np.float32)
    for first in range(0, count, _BLOCK):  # what a block needs stays in the cache
        block = rows[first : first + _BLOCK]
        around = middles[rng.integers(0, len(middles), len(block))]
        block[:] = mixed(around, rng.uniform(*COSINES, len(block)).astype(np.float32), rng)
    return rows


def mixed(rows: Vectors, cosines: Vectors, rng: np.random.Generator) -> Vectors:
    """Unit rows with a cosine of about `cosines` with unit rows, away from them in random directions."""
    noise = _unit(rng.standard_normal(rows.shape, dtype=np.float32))
    noise *= np.sqrt(1 - cosines**2)[:, None]
    noise += rows * cosines[:, None]
    return _unit(noise)


def _unit(rows: Vectors) -> Vectors:
    rows /= np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return rows


def samples(index: Index, recipe: Recipe, count: int) -> Vectors:
    """Samples for a search: half lie around the centres, the others at 0.5 to 1 from stored rows."""
    rng = np.random.default_rng([recipe.seed, 5])
    parts = [clustered(rng, count - count // 2, centres(recipe))]
    for number, part in enumerate(np.array_split(np.arange(count // 2), 4)):
        if len(part):
            parts.append(planted(index, (0.5, 0.7, 0.9, 1.0)[number], len(part), recipe.seed + number)[0])
    return np.concatenate(parts)


def first_shards(index: Index, folder: Path, count: int, *, codes: bool = True) -> Index:
    """An index of the first shards of another: its files are those of the other (hard links), no copies.

    Args:
        index: an open index of one source.
        folder: a new folder, on the same disk.
        count: shards of it.
        codes: link the codes too, of shards that have them.
    """
    shards = index.shards[:count]
    kept = tuple(shard.entry for shard in shards)
    coded = [shard for shard in shards if codes and open_codes(index, shard) is not None]
    for below, linked in ((SHARDS, shards), (f"{ENGINES}/{CODES}", coded)):
        (folder / below).mkdir(parents=True)
        for shard in linked:
            name = shard.entry.name
            shutil.copytree(index.path / below / name, folder / below / name, copy_function=os.link)
    (folder / PROBE).touch()
    source = replace(index.manifest.sources[0], listed=sum(shard.listed for shard in kept))
    write_manifest(folder, replace(index.manifest, shards=kept, sources=(source,)))
    return open_index(folder)


if __name__ == "__main__":
    main()
