"""``compare``: two files of results, the later against the earlier."""

from __future__ import annotations

import argparse

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.baseline import LEVEL, Allowed, Comparison, compare
from pytest_replication.baseline.data import comparison_data
from pytest_replication.baseline.text import lines, regression
from pytest_replication.escape import one_line
from pytest_replication.faults import BASELINE, is_regression, kind_of
from pytest_replication.reports.words import plural, read_number
from pytest_replication.results import Results, read_results

_CANNOT_TELL = 3


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "compare",
        help="Compare a run with an earlier one: exit 0 not worse, 1 worse, 3 cannot tell",
        description="Compare the results of a run with those of an earlier one: exit 0 not worse beyond what "
        "chance explains, 1 worse, 3 cannot tell.",
    )
    parser.add_argument("old", metavar="BASELINE", help="File of results, or folder of a report: the earlier")
    parser.add_argument("new", metavar="RESULTS", help="The same of the run that is judged")
    parser.add_argument(
        "--level",
        type=_level,
        default=LEVEL,
        metavar="SHARE",
        help="How often releases that are alike may be called worse (default: %(default)s)",
    )
    parser.add_argument(
        "--allow-other-index",
        action="store_true",
        help="Compare what remains where index, embedder, rule or privacy are not the same",
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="Leave out checks that only one of them has"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    old, new = read_results(args.old), read_results(args.new)
    allowed = Allowed(args.allow_other_index, args.allow_missing)
    found = compare(old, new, level=args.level, allowed=allowed)
    broken = _broken(new)
    if args.json:
        data = comparison_data(found)
        print_json(data | {"outcome": "error" if broken and not found.worse else data["outcome"]})
    else:
        told = [*(line for _, line in lines(found)), _verdict(found, new, broken)]
        if new.outcome != "pass":
            unlike = any(kind_of(each) == BASELINE for each in new.run["faults"])
            why = " (it could not be compared with its own baseline)" if unlike and not broken else ""
            told.append(f"of itself, {new.path} is: {new.outcome}{why}")
        print("\n".join(map(one_line, told)))
    if found.worse:
        return 1
    return _CANNOT_TELL if broken else 0


def _verdict(found: Comparison, new: Results, broken: int) -> str:
    if found.worse:
        return f"FAIL: {regression(found)}"
    if broken:
        return f"CANNOT TELL: the run {new.path} has {plural(broken, 'fault')}, so that checks may be missing"
    said = "not worse beyond what chance explains"
    return f"PASS: {said}" if new.outcome == "pass" else said


def _broken(new: Results) -> int:
    """How many things went wrong in a run beside what its checks found."""
    faults = new.run["faults"]
    # What the run could not compare is compared here: whether it could then says nothing of its checks.
    set_aside = [fault for fault in faults if is_regression(fault) or kind_of(fault) == BASELINE]
    broken = len(faults) - len(set_aside) + len(new.run["errors"])
    alone = all(is_regression(fault) for fault in set_aside)
    failed = any(check["outcome"] == "error" for check in new.counted)
    return broken or int(failed or (new.outcome == "error" and alone))


def _level(text: str) -> float:
    try:
        level = read_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no level between 0 and 1 (5 % is 0.05)")
    return level
