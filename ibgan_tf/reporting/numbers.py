"""Numbers as readers want them."""

from ibgan_tf.reporting.scores import Spread

NONE = "\N{EN DASH}"
NOT_RECORDED = "not recorded"
_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def number(value: float, *, like: float | None = None) -> str:
    """Returns a number with three decimals, fewer for a large one, more for a tiny one.

    Args:
        value: finite.
        like: the number whose decimals it gets, by default its own.

    Returns:
        text: with a true minus sign.
    """
    size = abs(value if like is None else like)
    decimals = 3 if size < 10 else 2 if size < 100 else 1
    text = f"{value:.2e}" if 0 < size < 0.001 else f"{value:,.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def spread_text(spread: Spread) -> str:
    """Returns "0.800 +- 0.070" with its sign, "0.800" of one run, "7" or "7 +- 0" of counts."""
    if spread.counts:
        mean = whole(round(spread.mean))
        return mean if spread.deviation is None else f"{mean} {_PLUS_MINUS} 0"
    if spread.deviation is None:
        return number(spread.mean)
    return f"{number(spread.mean)} {_PLUS_MINUS} {number(spread.deviation, like=spread.mean)}"


def metric_spread_text(spread: Spread) -> str:
    """Returns the standard deviation over seeds of the metric, "" where none has several."""
    if spread.metric_deviation is None or spread.counts:
        return ""
    seeds = f"{NONE}".join(map(str, sorted({spread.metric_seeds[0], spread.metric_seeds[-1]})))
    deviation = number(spread.metric_deviation, like=spread.mean)
    return f"{_PLUS_MINUS} {deviation}, {seeds} metric seeds"


def whole(value: int) -> str:
    """Returns a whole number with commas: "60,000"."""
    return f"{value:,}"


def plural(count: int, noun: str) -> str:
    """Returns "1 run" or "3 runs"."""
    return f"{whole(count)} {noun}" + ("" if count == 1 else "s")
