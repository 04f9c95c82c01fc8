"""The command line, ``pytest-replication VERB``: the same answers as in pytest, without pytest.

Exit status: 0 pass or done, 1 replicated, 2 wrong usage, 3 cannot tell (an index, sample, model or
embedder that cannot be used, or an inconclusive verdict), 130 interrupted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from pytest_replication import __version__, load_module
from pytest_replication.errors import ReplicationError, SettingsError, meant, unloadable
from pytest_replication.escape import lines
from pytest_replication.tidy import tidied
from pytest_replication.user_code import working_folder_searched

USAGE, CANNOT_TELL, INTERRUPTED = 2, 3, 130
PATHS = frozenset(
    {
        *("accepted", "background", "cache", "clean_prompts", "control_prompts", "fill", "holdout", "images"),
        *("index", "matches", "model", "new", "objects", "old", "others", "out", "pairs", "parts", "prompts"),
        *("results", "runs", "save", "sets", "source", "twins"),
    }
)
"""Arguments that are read as text and may be paths; those of the type `Path` are always."""


VERBS = {
    name.rstrip("_"): f"_cli.{name}"
    for name in (
        *("build", "append", "import_", "remove", "compact", "merge", "duplicates", "calibrate", "engine"),
        *("info", "verify", "search", "sample", "check", "report", "accept", "compare", "screen", "plan"),
        *("benchmark", "experiment", "weights"),
    )
}
"""Each verb and its module, in the order in which ``--help`` lists them."""

_MAY_BE_EMPTY = frozenset({"--prompt", "--reason", "--by"})
"""Options of text, whose verbs say what may be empty. An empty path would be the current folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: without the name of the program; None for those of the process.

    Returns:
        The exit status.

    Raises:
        SystemExit: the arguments are wrong (2), or ask for help or the version (0).
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    args, known = argparse.Namespace(verb="pytest-replication", json="--json" in given), False
    try:
        parser = _parser(given[0] if given else "")
        if _lack_values(given):
            parser.error("an empty value was given, as by a variable that is not set")
        args = parser.parse_args(given)
        known = True
        vars(args).update({name: _tidied(value, name in PATHS) for name, value in vars(args).items()})
        with working_folder_searched():
            status: int = args.run(args)
        return status
    except BaseException as error:
        if not known and isinstance(error, SystemExit):  # argparse has said what there is to say
            raise
        return _status(error, args)


def _lack_values(given: Sequence[str]) -> bool:
    """Whether an argument, or an option that wants more than nothing, has an empty value."""
    for before, word in itertools.pairwise(["", *given]):
        name, has_value, value = word.partition("=")
        if not word and before not in _MAY_BE_EMPTY:
            return True
        if name.startswith("--") and has_value and not value and name not in _MAY_BE_EMPTY:
            return True
    return False


def _status(error: BaseException, args: argparse.Namespace) -> int:
    """Say what a verb ended with; status 1 would say that the model copies."""
    if isinstance(error, ReplicationError):
        _report(error, args.json)
        return USAGE if isinstance(error, SettingsError) else CANNOT_TELL
    if isinstance(error, KeyboardInterrupt):
        print(f"interrupted{_how_to_go_on(args)}", file=sys.stderr)
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT_TELL
    if isinstance(error, ImportError):
        _report(unloadable(__name__, error), args.json)
        return CANNOT_TELL
    traceback.print_exception(error)
    _report(ReplicationError(f"{args.verb} broke down: {type(error).__name__}: {error}"), args.json)
    return CANNOT_TELL


def _tidied(value: Any, place: bool) -> Any:
    """A path of the command line without the folders that it enters and leaves; all else as it is.

    Args:
        value: of an argument.
        place: whether its text may be a path.
    """
    if isinstance(value, list):
        return [_tidied(each, place) for each in value]
    if isinstance(value, Path):
        return type(value)(tidied(str(value)))
    if place and isinstance(value, str) and os.pardir in value:
        with suppress(OSError):  # a text that is too long for a path
            return tidied(value) if Path(value).parent.is_dir() else value
    return value


def _how_to_go_on(args: argparse.Namespace) -> str:
    if args.verb == "calibrate":
        return ": the same command again goes on with the images that are not measured yet"
    if args.verb == "experiment":
        return ": with --cache FOLDER the same command goes on with the samples that are there"
    if args.verb == "benchmark":
        return ": the same command again goes on with what is not measured yet"
    if args.verb not in ("build", "append", "import", "merge"):
        return ""
    again = "the same command" + (" without --overwrite" if getattr(args, "overwrite", False) else " again")
    return f": {again} goes on after the last finished shard"


class _Parser(argparse.ArgumentParser):
    """A parser, and those of its verbs, that take whole names of options only."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})
        self._given: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """End with the usage of the verb, where it does not know what it was given."""
        self._given = list(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            super().error(f"unrecognized arguments: {' '.join(unknown)}{self._misspelt(unknown)[1]}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """End with the usage; of an option that is missing, tell the misspelt one that may have been it."""
        if self._lacks_some():
            name, near = self._misspelt(self._given)
            message += f"; {name} is unknown{near}" if name else ""
        super().error(message)

    def _lacks_some(self) -> bool:
        """Whether an option that has to be given is not, or only options are where more is needed."""
        words = list(itertools.takewhile(lambda each: each != "--", self._given))
        names = {each.partition("=")[0] for each in words}
        only_options = words == self._given and all(each.startswith("-") for each in words)
        return any(
            names.isdisjoint(action.option_strings) if action.option_strings else only_options
            for action in self._actions
            if action.required
        )

    def _misspelt(self, given: Sequence[str]) -> tuple[str, str]:
        """The first misspelt option and, as a question, what it was meant to be; empty for none."""
        known = self._option_string_actions
        names = [each.partition("=")[0] for each in itertools.takewhile(lambda each: each != "--", given)]
        told = ((name, meant(name, known)) for name in names if name.startswith("-") and name not in known)
        return next((each for each in told if each[1]), ("", ""))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is not among the choices, such as a misspelt verb, with the one that was meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = meant(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None


def _parser(verb: str = "") -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        verb: the only one that is to be known, which spares loading the others; all if it is none.

    Raises:
        PackageUnavailable: a verb cannot be loaded.
    """
    parser = _Parser(
        prog="pytest-replication",
        description="Does a generative image model copy its training images?",
        epilog="Exit status: 0 pass or done, 1 replicated, 2 wrong usage, 3 cannot tell.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for module in [VERBS[verb]] if verb in VERBS else VERBS.values():
        loaded = load_module(module)
        added = loaded.add_parser(verbs)
        added.add_argument("--json", action="store_true", help="Print the answer as JSON")
        added.set_defaults(run=loaded.run)
    return parser


def _report(error: ReplicationError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}))
    print(lines(f"error: {error}"), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
