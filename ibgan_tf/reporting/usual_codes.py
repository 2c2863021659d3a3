"""Scores of different models' usual codes are comparable: r_mean of one, z_mean of another."""

import dataclasses
from collections.abc import Sequence

from ibgan_tf.reporting.records import Measurement, Procedure, ReportedRun

AFTERWARDS = "afterwards_mean"


def with_common_names(runs: Sequence[ReportedRun]) -> list[ReportedRun]:
    """Returns the runs with one name for the codes that a score is usually computed from.

    A metric file whose name doesn't have its representation is of its model's usual codes, and so
    is one of a GAN's codes, which a reconstructor reads that it gets afterwards. Where these have
    several names in scores that are measured alike, each becomes "r_mean or z_mean", so that the
    scores stand side by side. A score of other codes keeps its name, and so do the codes of a run
    that has several with such file names.

    Args:
        runs: any runs.

    Returns:
        runs: the same, in the same order.
    """
    usual = [_usual_codes(run) for run in runs]
    names: dict[Procedure, set[str]] = {}
    for own in usual:
        for key, name in own.items():
            names.setdefault(key, set()).add(name)
    renamed = []
    for run, own in zip(runs, usual, strict=True):
        common = {key: " or ".join(sorted(names[key])) for key in own}
        measured = tuple(_with_name(one, common) for one in run.measurements)
        renamed.append(dataclasses.replace(run, measurements=measured))
    return renamed


def _usual_codes(run: ReportedRun) -> dict[Procedure, str]:
    """Returns a run's usual codes: procedure without codes -> their name."""
    found: dict[Procedure, set[str]] = {}
    for measured in filter(_is_usual, run.measurements):
        own = found.setdefault(_without_codes(measured.procedure), set())
        own.add(measured.representation)
    return {key: own.pop() for key, own in found.items() if len(own) == 1}


def _is_usual(measured: Measurement) -> bool:
    named = f"-{measured.representation}-" in f"{measured.path.stem}-"
    return measured.representation == AFTERWARDS or (bool(measured.representation) and not named)


def _without_codes(procedure: Procedure) -> Procedure:
    return dataclasses.replace(procedure, representation="")


def _with_name(measured: Measurement, names: dict[Procedure, str]) -> Measurement:
    key = _without_codes(measured.procedure)
    if key not in names or not _is_usual(measured):
        return measured
    procedure = dataclasses.replace(measured.procedure, representation=names[key])
    return dataclasses.replace(measured, procedure=procedure)
