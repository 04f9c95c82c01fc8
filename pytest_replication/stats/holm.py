"""Several tests, one answer: the p-values of Holm (Scandinavian Journal of Statistics 6, 1979)."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values so that any of them below alpha is a false alarm at most that often.

    Holds whatever the dependence between the tests.

    Args:
        p_values: in [0, 1].

    Returns:
        The adjusted ones, in the same order.

    Raises:
        ValueError: a p-value outside [0, 1] or not a number.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values {p_values} are not all in [0, 1]")
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = highest
    return tuple(adjusted)
