"""Do intervals, tests and assertions hold the error rates that they promise?

    python benchmarks/error_rates.py [--gates 2000] [--seed 0]

Each row simulates so many gates whose truth is known, in the case that is hardest for the promise (a
rate exactly at its limit, samples that are no closer than the hold-out), and counts how often the gate is
wrong. Held is that share, with 1.96 standard errors of the simulation. The rows at the end break an
assumption on purpose.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import cache

import numpy as np
from measure import save

from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.policy import Policy
from pytest_replication.search import Match, Matches, Subject
from pytest_replication.set_checks.closeness import judge_closeness
from pytest_replication.set_checks.copying import CopyingRule, judge_copying
from pytest_replication.set_checks.holdout import HoldoutRule, HoldoutScores
from pytest_replication.set_checks.percentile import judge_percentile
from pytest_replication.stats.bootstrap import clustered_bounds
from pytest_replication.stats.data_copying import data_copying
from pytest_replication.stats.fdr import benjamini_hochberg
from pytest_replication.stats.features import blocks_of
from pytest_replication.stats.intervals import lower_bound, upper_bound
from pytest_replication.stats.null import Null
from pytest_replication.stats.percentile import percentile_bounds
from pytest_replication.stats.twosample import mann_whitney, tail_test
from pytest_replication.verdicts import Outcome

Rng = np.random.Generator
Simulation = Callable[[Rng], float]
"""One gate: 1 where it is wrong, 0 where it is right, or the share of it that is wrong."""
BROKEN = "assumption broken"

RECORD = Record("t", "/t", "s", 1, 1)


def subject_of(count: int, each: int = 1) -> Subject:
    """Samples, `each` of them of one prompt."""
    prompts = tuple(str(i // each) for i in range(count)) if each > 1 else ()
    names = tuple(map(str, range(count)))
    return Subject(names, "simulated", "index", 0, "f", "toy", "p", None, prompts=prompts)


def alike(rng: Rng, prompts: int, each: int, share: float) -> np.ndarray:
    """Standard normal scores of samples whose prompts have levels: `share` of the variance is theirs."""
    levels = np.repeat(rng.normal(size=prompts), each)
    return math.sqrt(share) * levels + math.sqrt(1 - share) * rng.normal(size=prompts * each)


@cache
def outcome_of(hits: int, n: int, limit: float) -> Outcome:
    """What the gate says of so many hits."""
    of = tuple((Match(i, 0.9 if i < hits else 0.1, 0, RECORD, "whole", "whole"),) for i in range(n))
    return judge(Matches(of, 10, subject_of(n)), Policy(0.5, max_rate=limit)).outcome


upper, lower = cache(upper_bound), cache(lower_bound)


def above_the_upper_bound(n: int, rate: float) -> Simulation:
    return lambda rng: upper(int(rng.binomial(n, rate)), n) < rate


def below_the_lower_bound(n: int, rate: float) -> Simulation:
    return lambda rng: lower(int(rng.binomial(n, rate)), n) > rate


def rate_assertion(n: int, limit: float, wrong: Outcome) -> Simulation:
    return lambda rng: outcome_of(int(rng.binomial(n, limit)), n, limit) is wrong


def clusters(rng: Rng, prompts: int, each: int, rate: float, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Hits of each prompt, whose own rates scatter: `alike` is the correlation within a prompt."""
    spread = (1 - alike) / alike
    return rng.binomial(each, rng.beta(rate * spread, (1 - rate) * spread, prompts)), np.full(prompts, each)


def clustered(prompts: int, each: int, rate: float, alike: float, side: str) -> Simulation:
    def gate(rng: Rng) -> float:
        found = clustered_bounds(*clusters(rng, prompts, each, rate, alike))
        return found.upper < rate if side == "upper" else found.lower > rate

    return gate


def clusters_as_samples(prompts: int, each: int, rate: float, alike: float) -> Simulation:
    def gate(rng: Rng) -> float:
        hits, sizes = clusters(rng, prompts, each, rate, alike)
        return upper(int(hits.sum()), int(sizes.sum())) < rate

    return gate


def conformal(holdout: int, level: float) -> Simulation:
    return lambda rng: Null.of(rng.normal(size=holdout)).p_values(rng.normal(size=1))[0] <= level


def discoveries(holdout: int, innocent: int, copies: int, q: float) -> Simulation:
    def gate(rng: Rng) -> float:
        scores = np.concatenate([rng.normal(size=innocent), rng.normal(5, 1, copies)])
        rejected = benjamini_hochberg(Null.of(rng.normal(size=holdout)).p_values(scores), q)
        return float(rejected[:innocent].sum() / max(1, rejected.sum()))

    return gate


def shift(n: int, m: int, alpha: float, ties: bool = False) -> Simulation:
    def gate(rng: Rng) -> float:
        sets = (rng.normal(size=n), rng.normal(size=m))
        return mann_whitney(*((s.round(0) for s in sets) if ties else sets)).p <= alpha

    return gate


def tail(n: int, m: int, alpha: float) -> Simulation:
    return lambda rng: tail_test(rng.normal(size=n), rng.normal(size=m)).p <= alpha


def tail_by_the_binomial(n: int, m: int, alpha: float) -> Simulation:
    from scipy.special import bdtrc

    def gate(rng: Rng) -> float:
        above = int((rng.normal(size=n) > np.quantile(rng.normal(size=m), 0.95)).sum())
        return above > 0 and bdtrc(above - 1, n, 0.05) <= alpha

    return gate


def effect(n: int, m: int, away: float) -> Simulation:
    truth = (1 + math.erf(away / 2)) / 2  # P(X > Y) of normals, `away` standard deviations apart

    def gate(rng: Rng) -> float:
        found = mann_whitney(rng.normal(away, 1, n), rng.normal(size=m))
        return not found.lower <= truth <= found.upper

    return gate


def holdout_assertion(n: int, m: int) -> Simulation:
    rule, subject = HoldoutRule(), subject_of(n)

    def gate(rng: Rng) -> float:
        scores, unseen = rng.normal(size=n), HoldoutScores(rng.normal(size=m), "h")
        verdict = judge_closeness(scores, unseen, rule, subject, 1, ())
        return verdict.outcome is Outcome.FAIL

    return gate


def holdout_of_prompts(prompts: int, each: int, m: int) -> Simulation:
    rule, subject = HoldoutRule(), subject_of(prompts * each, each)

    def gate(rng: Rng) -> float:
        unseen = HoldoutScores(rng.normal(size=m), "h")
        verdict = judge_closeness(alike(rng, prompts, each, 0.8), unseen, rule, subject, 1, ())
        return verdict.outcome is Outcome.FAIL

    return gate


def percentile_of_prompts(prompts: int, each: int, wrong: Outcome) -> Simulation:
    subject, value = subject_of(prompts * each, each), 1.6448536 / 10
    return lambda rng: (
        judge_percentile(alike(rng, prompts, each, 0.95) / 10, 95, value, 0.95, subject, 1).outcome is wrong
    )


def holdout_as_samples(prompts: int, each: int, m: int) -> Simulation:
    return lambda rng: mann_whitney(alike(rng, prompts, each, 0.8), rng.normal(size=m)).p <= 0.05


def percentile(n: int, level: float, side: str) -> Simulation:
    truth = -math.log(1 - level)  # of an exponential distribution

    def gate(rng: Rng) -> float:
        found = percentile_bounds(rng.exponential(size=n), level)
        if side == "upper":
            return found.upper is not None and found.upper < truth
        return found.lower is not None and found.lower > truth

    return gate


def percentile_assertion(n: int) -> Simulation:
    subject = subject_of(n)
    # Scores whose 95th percentile is the value itself, so that a pass is wrong.
    return lambda rng: judge_percentile(rng.uniform(0, 1, n), 95, 0.95, 0.95, subject, 1).passed


def copying_assertion(train: int, each: int) -> Simulation:
    rule = CopyingRule()

    def gate(rng: Rng) -> float:
        centres = np.array([[0.0] * 4, [5.0] * 4, [-5.0] * 4])

        def draw(count: int) -> np.ndarray:
            return centres[rng.integers(0, 3, count)] + rng.normal(size=(count, 4))

        found = data_copying(blocks_of(draw(train)), draw(each), draw(each))
        return judge_copying(found, found, (), rule, subject_of(each), "h", ()).outcome is Outcome.FAIL

    return gate


PROMISES: tuple[tuple[str, str, float, Simulation], ...] = (
    ("Clopper-Pearson", "upper bound, 300 samples at 1 %", 0.05, above_the_upper_bound(300, 0.01)),
    ("Clopper-Pearson", "upper bound, 500 samples at 1.88 %", 0.05, above_the_upper_bound(500, 0.0188)),
    ("Clopper-Pearson", "lower bound, 500 samples at 1.88 %", 0.05, below_the_lower_bound(500, 0.0188)),
    (
        "rate assertion",
        "passes at the limit, 600 samples, 1 %",
        0.05,
        rate_assertion(600, 0.01, Outcome.PASS),
    ),
    ("rate assertion", "fails at the limit, 600 samples, 1 %", 0.05, rate_assertion(600, 0.01, Outcome.FAIL)),
    ("whole prompts", "upper bound, 100 x 5 samples, 5 %", 0.05, clustered(100, 5, 0.05, 0.3, "upper")),
    ("whole prompts", "lower bound, 100 x 5 samples, 5 %", 0.05, clustered(100, 5, 0.05, 0.3, "lower")),
    ("whole prompts", "upper bound, 20 x 10 samples, 5 %", 0.05, clustered(20, 10, 0.05, 0.3, "upper")),
    ("whole prompts", "upper bound, 50 x 10 samples, 2 %", 0.05, clustered(50, 10, 0.02, 0.3, "upper")),
    ("whole prompts", "upper bound, 300 x 4 samples, 1 %", 0.05, clustered(300, 4, 0.01, 0.5, "upper")),
    ("whole prompts", "upper bound, 1000 x 5 samples, 1 %", 0.05, clustered(1000, 5, 0.01, 0.3, "upper")),
    ("conformal p", "at most 1 %, 500 hold-out images", 0.01, conformal(500, 0.01)),
    ("conformal p", "at most 5 %, 200 hold-out images", 0.05, conformal(200, 0.05)),
    ("Benjamini-Hochberg", "q 10 %, 190 innocent, 10 copies", 0.1, discoveries(1000, 190, 10, 0.1)),
    ("Benjamini-Hochberg", "q 10 %, 100 innocent, none copied", 0.1, discoveries(1000, 100, 0, 0.1)),
    ("Mann-Whitney", "150 against 150", 0.05, shift(150, 150, 0.05)),
    ("Mann-Whitney", "150 against 150, ties", 0.05, shift(150, 150, 0.05, ties=True)),
    ("Mann-Whitney", "bounds of the effect, none", 0.05, effect(100, 100, 0.0)),
    ("Mann-Whitney", "bounds of the effect, 0.76", 0.05, effect(100, 60, 1.0)),
    ("tail test", "200 against 100", 0.05, tail(200, 100, 0.05)),
    ("not closer", "both tests, 150 against 150", 0.05, holdout_assertion(150, 150)),
    ("percentile", "upper bound of the 95th, 200 samples", 0.05, percentile(200, 0.95, "upper")),
    ("percentile", "lower bound of the 95th, 200 samples", 0.05, percentile(200, 0.95, "lower")),
    ("percentile", "passes at the value, 300 samples", 0.05, percentile_assertion(300)),
    ("no data copying", "3 cells, 200 against 200", 0.05, copying_assertion(150, 200)),
    (
        "not closer",
        "100 prompts x 5 samples against 150",
        0.05,
        holdout_of_prompts(100, 5, 150),
    ),
    (
        "percentile",
        "passes at the value, 100 prompts x 5",
        0.05,
        percentile_of_prompts(100, 5, Outcome.PASS),
    ),
    ("percentile", "fails at the value, 100 prompts x 5", 0.05, percentile_of_prompts(100, 5, Outcome.FAIL)),
    ("percentile", "passes at the value, 5 prompts x 60", 0.05, percentile_of_prompts(5, 60, Outcome.PASS)),
    (BROKEN, "prompts taken as samples, 30 x 20 against 150", 0.05, holdout_as_samples(30, 20, 150)),
    (BROKEN, "prompts taken as samples, 100 x 10, 5 %", 0.05, clusters_as_samples(100, 10, 0.05, 0.3)),
    (BROKEN, "tail of 100 taken as known, 200 samples", 0.05, tail_by_the_binomial(200, 100, 0.05)),
)


def simulate(gates: int, seed: int) -> list[dict[str, object]]:
    """Run every simulation, each from draws of its own."""
    rows: list[dict[str, object]] = []
    for number, (name, case, promised, gate) in enumerate(PROMISES):
        rng = np.random.default_rng((seed, number))
        wrong = np.array([float(gate(rng)) for _ in range(gates)])
        # Where no gate was wrong, the rule of three.
        error = 1.96 * float(wrong.std()) / math.sqrt(gates) or 3 / gates
        rows.append(
            {
                "promise": name,
                "case": case,
                "promised": promised,
                "held": float(wrong.mean()),
                "error": error,
                "kept": bool(wrong.mean() - error <= promised),
            }
        )
        print(line(rows[-1]), flush=True)
    return rows


def line(row: dict[str, object]) -> str:
    """A row of the table of the documents."""
    held, error, promised = (100 * float(str(row[key])) for key in ("held", "error", "promised"))
    told = f"{held:.2f} ± {error:.2f} %" + ("" if row["kept"] else ", **broken**")
    return f"| {row['promise']} | {row['case']} | {promised:g} % | {told} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--gates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| promise | case | wrong at most | held |\n|---|---|---|---|")
    rows = simulate(args.gates, args.seed)
    save("error_rates", {"gates": args.gates, "seed": args.seed, "rows": rows}, show=False)


if __name__ == "__main__":
    main()
