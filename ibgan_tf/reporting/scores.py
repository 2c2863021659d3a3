"""Numbers of runs by procedure and step, and their mean and spread over seeds."""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Sequence

from ibgan_tf import registry
from ibgan_tf.reporting.records import Measurement, Procedure, ReportedRun

DEFAULT_PROTOCOL = "disentanglement_lib"
FAVOURITE = "factor_vae"
INFORMATION = "information"  # its files hold the bounds in nats, which are no score

# Title, and which of two scores is the better one; of other metrics neither is known.
_KNOWN: dict[str, tuple[str, Callable]] = {
    "factor_vae": ("FactorVAE score", max),
    "beta_vae": ("beta-VAE score", max),
    "mig": ("MIG", max),
    "dci": ("DCI", max),
    "sap": ("SAP", max),
    "modularity": ("Modularity", max),
    "explicitness": ("Explicitness", max),
    "irs": ("IRS", max),
    "udr": ("UDR", max),
    "model_centrality": ("ModelCentrality", max),
    "unsupervised": ("Gaussian total correlation", min),
    "unsupervised_accuracy": ("Unsupervised accuracy", max),
    "frechet_classifier_distance": ("Frechet classifier distance", min),
    "kernel_classifier_distance": ("Kernel classifier distance", min),
    "fid": ("FID", min),
    "kid": ("KID", min),
    "classifier_score": ("Classifier score", max),
    "inception_score": ("Inception score", max),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """Numbers of several runs as one.

    Attributes:
        mean: over runs; of each run, over the seeds of the metric.
        deviation: standard deviation of the sample (n - 1) over runs; None for one run.
        count: number of runs.
        metric_deviation: standard deviation over the seeds of the metric, the mean over the runs
            that have several; None where none has.
        metric_seeds: the numbers of seeds of the metric that the runs have, ascending.
        counts: whether all are the same whole number, which JSON tells from 7.0.
    """

    mean: float
    deviation: float | None
    count: int
    metric_deviation: float | None = None
    metric_seeds: tuple[int, ...] = (1,)
    counts: bool = False


def spread(values: Sequence[Sequence[float]]) -> Spread:
    """Returns the mean of numbers and their spread.

    Args:
        values: for each run, a number for each seed of the metric; one or more of both.

    Returns:
        spread: of them.
    """
    means = [statistics.fmean(own) for own in values]
    within = [statistics.stdev(own) for own in values if len(own) > 1]
    return Spread(
        mean=statistics.fmean(means),
        deviation=statistics.stdev(means) if len(means) > 1 else None,
        count=len(means),
        metric_deviation=statistics.fmean(within) if within else None,
        metric_seeds=tuple(sorted({len(own) for own in values})),
        counts=len({x for own in values for x in own}) == 1 and type(values[0][0]) is int,
    )


def procedures(runs: Iterable[ReportedRun]) -> list[Procedure]:
    """Returns how the scores of the runs were measured, each once: known metrics first.

    A procedure of which no file has a score is left out, and so are the information bounds.
    """
    found = {m.procedure for run in runs for m in run.measurements if m.score is not None}
    return sorted((p for p in found if p.metric != INFORMATION), key=_order)


def title(metric: str) -> str:
    """Returns a metric's name for readers: "MIG"; that of an unknown one as it is."""
    return _known(metric, (metric.replace("_", " "), None))[0]


def is_distance(metric: str) -> bool:
    """Says whether a metric is known to be the better the lower it is."""
    return _known(metric, ("", None))[1] is min


def values(run: ReportedRun, procedure: Procedure, *, name: str = "score") -> dict[int, list]:
    """Returns a run's numbers.

    Args:
        run: the run.
        procedure: how they were measured.
        name: "score", or a detail that is a number.

    Returns:
        step -> a number for each seed of the metric; ascending steps.
    """
    found: dict[int, list[float]] = {}
    for measured in run.measurements:
        if measured.procedure == procedure and name in measured.numbers():
            found.setdefault(measured.step, []).append(measured.numbers()[name])
    return dict(sorted(found.items()))


def series(run: ReportedRun, procedure: Procedure) -> dict[int, float]:
    """Returns a run's scores: step -> mean over the seeds of the metric, ascending steps."""
    return {step: statistics.fmean(own) for step, own in values(run, procedure).items()}


def best_step(run: ReportedRun, procedure: Procedure) -> int | None:
    """Returns the first step with the best score of a run.

    Args:
        run: the run.
        procedure: how its scores were measured.

    Returns:
        step: None if fewer than two steps were measured, or if it isn't known of this metric
            whether high or low is better.
    """
    scores = series(run, procedure)
    better = _known(procedure.metric, ("", None))[1]
    if len(scores) < 2 or better is None:
        return None
    best = better(scores.values())
    return next(step for step, score in scores.items() if score == best)


def choose(runs: Sequence[ReportedRun], score: str | None) -> Procedure | None:
    """Returns the procedure that stands for all in pictures.

    Args:
        runs: the runs.
        score: "<metric>" or "<metric>-<protocol>"; None for the FactorVAE score where there is
            one, or any other.

    Returns:
        procedure: of several that fit, that of disentanglement_lib, with full settings, of the
            most runs; None if there are no scores.

    Raises:
        ValueError: no run has the score that was asked for.
    """
    candidates: dict[str, list[Procedure]] = {}
    for procedure in procedures(runs):
        for name in (procedure.metric, f"{procedure.metric}-{procedure.protocol}"):
            candidates.setdefault(name, []).append(procedure)
    if score is None:
        favourites = [name for name in candidates if name.removesuffix("_score") == FAVOURITE]
        score = next(iter([*favourites, *candidates]), None)
    if score is None:
        return None
    if not candidates:
        raise ValueError(f"score must be one of the runs' scores. Received: score={score!r}, none.")
    fitting = registry.lookup(candidates, score, kind="score")
    return min(fitting, key=lambda procedure: _rank(runs, procedure))


def _rank(runs: Sequence[ReportedRun], procedure: Procedure) -> tuple[bool, bool, int]:
    """Returns what sorts procedures of one metric, the one to show first."""
    number = sum(bool(values(run, procedure)) for run in runs)
    return procedure.protocol != DEFAULT_PROTOCOL, procedure.settings != "full", -number


def _order(procedure: Procedure) -> tuple[int, str, bool, bool, bool, Procedure]:
    """Returns what sorts all procedures: as in the table above, what is the default first."""
    names = list(_KNOWN)
    metric = procedure.metric.removesuffix("_score")
    place = names.index(metric) if metric in names else len(names)
    other = procedure.protocol not in (DEFAULT_PROTOCOL, "")
    estimated = procedure.batch_norm_statistics not in ("training", "")
    return place, procedure.metric, other, procedure.settings != "full", estimated, procedure


def _known(metric: str, otherwise: tuple[str, Callable | None]) -> tuple[str, Callable | None]:
    """Returns the title and the better of two scores of a metric."""
    return _KNOWN.get(metric.removesuffix("_score"), otherwise)


def measurements(runs: Iterable[ReportedRun], procedure: Procedure) -> list[Measurement]:
    """Returns all files of a procedure."""
    return [m for run in runs for m in run.measurements if m.procedure == procedure]
