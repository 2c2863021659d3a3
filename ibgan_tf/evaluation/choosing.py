"""Which metrics a run can have, and why it can't have the others."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ibgan_tf import mistakes, registry
from ibgan_tf.evaluation import bounds, codes
from ibgan_tf.metrics import METRICS, classifier, image_features, inception
from ibgan_tf.models import base

INFORMATION = "information"  # needs the model, not only its codes
ACCURACY = "unsupervised_accuracy"
CLASSIFIER = (image_features.FRECHET, image_features.KERNEL, image_features.SCORE)
INCEPTION = tuple(inception.METRIC_NAMES[name] for name in CLASSIFIER)
# Groups that may be asked for by one name.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": (*METRICS, INFORMATION, ACCURACY, *CLASSIFIER, *INCEPTION),
    "disentanglement": tuple(METRICS),
    "images": (*CLASSIFIER, *INCEPTION),
}
_WITHOUT_FACTORS = ("unsupervised",)
_LABEL_SCORES = (CLASSIFIER[-1], INCEPTION[-1])


def check_names(names: Sequence[str]) -> None:
    """Checks that each name is one of a metric or of a group.

    Args:
        names: of metrics, or of GROUPS.

    Raises:
        ValueError: a name is unknown; the message suggests the nearest.
    """
    known = dict.fromkeys([*GROUPS, *GROUPS["all"]])
    for name in names:
        registry.lookup(known, name, kind="metric")


def choose(
    names: Sequence[str],
    *,
    model: Any,
    model_name: str,
    dataset: Any,
    inception_path: str | os.PathLike[str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Returns the metrics to compute, and those of a group that can't be, with the reasons.

    Args:
        names: of metrics, or of GROUPS.
        model: of the run, or what `afterwards.encoder_class` makes of its class.
        model_name: its name in MODELS.
        dataset: that the run was trained on, or its class.
        inception_path: where Inception lies, or None for TensorFlow Hub's cache.

    Returns:
        chosen: names of metrics, each once, in the order of GROUPS["all"].
        left_out: name -> reason.

    Raises:
        ValueError: a name is unknown, or a metric asked for by its own name can't be computed.
    """
    check_names(names)
    asked = {name for given in names for name in GROUPS.get(given, (given,))}
    chosen, left_out = [], {}
    for name in [name for name in GROUPS["all"] if name in asked]:
        reason = _obstacle(name, model, model_name, dataset, inception_path)
        if reason is None:
            chosen.append(name)
        elif name in names:
            raise ValueError(f"metric {name!r} can't be computed for this run. {reason}")
        else:
            left_out[name] = reason
    return chosen, left_out


def left_out_text(left_out: Mapping[str, str]) -> str:
    """Returns what was left out as lines for the screen, metrics with one reason in one line."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by_reason.setdefault(reason, []).append(name)
    return "\n".join(f"left out: {', '.join(own)}. {why}" for why, own in by_reason.items())


def _obstacle(
    name: str,
    model: Any,
    model_name: str,
    dataset: Any,
    inception_path: str | os.PathLike[str] | None,
) -> str | None:
    """Returns why a metric can't be computed, or None if it can."""
    if name in METRICS:
        return _encoding_obstacle(name, model, model_name, dataset)
    if name == INFORMATION:
        if bounds.kind_of(model) is None:
            return (
                "The model must have a stochastic code e(r|z) or q(z|x), or codes that it reads "
                f"off its images. Received: model={model_name!r}."
            )
        return None
    if name == ACCURACY and not _sorts(model):
        return f"The model must have a categorical code. Received: model={model_name!r}."
    if name in (ACCURACY, *_LABEL_SCORES) and not hasattr(dataset, "labels"):
        return f"The data set must have labels. Received: dataset={dataset.name!r}."
    if name == ACCURACY:
        return None
    if not isinstance(model, base.Generates):
        return f"The model must generate images. Received: model={model_name!r}."
    try:
        if name in INCEPTION:
            inception.find_inception(inception_path)
        else:
            classifier.check_has_targets(dataset)
    except (FileNotFoundError, ValueError) as error:
        return mistakes.one_line(error)
    return None


def _sorts(model: Any) -> bool:
    """Says whether a model can sort images into categories, or some of a class can."""
    may = isinstance(model, type) and getattr(model, "may_classify", False)
    return may or isinstance(model, base.Classifies)


def _encoding_obstacle(name: str, model: Any, model_name: str, dataset: Any) -> str | None:
    try:
        codes.choose_representation(model, None, name=model_name)
    except ValueError as error:
        return str(error)
    if name not in _WITHOUT_FACTORS and not hasattr(dataset, "factors"):
        return f"The data set must have factors. Received: dataset={dataset.name!r}."
    return None
