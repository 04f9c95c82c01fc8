"""``info``: what an index holds, from its manifest alone."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.index.reader import Index, open_index


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "info", help="Show what an index holds", description="Show what an index holds."
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    data = _data(open_index(args.index))
    if args.json:
        print_json(data)
    else:
        print(_text(data))
    return 0


def _data(index: Index) -> dict[str, Any]:
    manifest = index.manifest
    return {
        "index": str(index.path),
        "rows": manifest.rows,
        "listed": manifest.listed,
        "rejected": [asdict(row) for row in index.rejected()],
        "max_rejected": manifest.max_rejected,
        "source": manifest.source,
        "embedder": asdict(manifest.embedder),
        "decoder": manifest.decoder,
        "views": [view.name for view in manifest.views],
        "dtype": manifest.dtype,
        "shards": len(manifest.shards),
        "bytes": sum(file.bytes for shard in manifest.shards for file in shard.files.values()),
        "created": manifest.created,
        "writer": manifest.writer,
        "fingerprint": manifest.fingerprint,
    }


def _text(data: dict[str, Any]) -> str:
    embedder = data["embedder"]
    weights = embedder["weights_sha256"]
    lines = [
        f"{data['index']}: {data['rows']} training images from {data['source']}",
        f"  embedder     {embedder['name']}, {embedder['preprocessing']}",
        f"  weights      {'none' if weights is None else 'sha256 ' + weights}",
        f"  vectors      {len(data['views'])} a image ({', '.join(data['views'])}), dim "
        f"{embedder['dim']}, {data['dtype']}",
        f"  size         {data['shards']} shards, {data['bytes'] / 1e6:.1f} MB",
        f"  created      {data['created']} by {data['writer']}",
        f"  fingerprint  {data['fingerprint']}",
    ]
    if data["rejected"]:
        lines.append(f"  NOT in it    {len(data['rejected'])} images that could not be read:")
        lines += [f"    {row['uri']}: {row['reason']}" for row in data["rejected"]]
    return "\n".join(lines)
