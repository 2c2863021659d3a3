"""Computes metrics from a table of codes and writes each result to a file of its own."""

import importlib.metadata
import pathlib
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf import atomic, registry, seeds
from ibgan_tf.data.base import FactorDataset
from ibgan_tf.evaluation import batch_norm, bounds
from ibgan_tf.evaluation.codes import CodeTable, weights_hash
from ibgan_tf.losses import information as information_losses
from ibgan_tf.metrics import METRICS, unsupervised_accuracy
from ibgan_tf.metrics.information import information
from ibgan_tf.models import MODELS
from ibgan_tf.runs.load import Run

tfd = tfp.distributions

DEFAULT_PROTOCOL = "disentanglement_lib"
IMAGE_PROTOCOL = "tf_gan"
# What the names of results leave out: protocols, representation and statistics.
_ONLY_PROTOCOLS = (DEFAULT_PROTOCOL, IMAGE_PROTOCOL, "ibgan_tf")
_USUAL = (None, "training")
# The first of these in a result of "information" is its score.
_INFORMATION_BOUNDS = (
    "information_lower_bound",
    "information_lower_bound_fitted",
    "information_upper_bound",
)
_PACKAGES = ("numpy", "scikit-learn", "tensorflow", "tensorflow-gan", "ibgan_tf")


def protocols_of(metric: str) -> list[str]:
    """Returns the protocols of a metric in METRICS, the default first."""
    named = getattr(sys.modules[METRICS[metric].__module__], "PROTOCOLS", {DEFAULT_PROTOCOL: None})
    return list(named)


def misfit(metric: str, protocol: str, dataset: Any) -> str | None:
    """Returns why a protocol of a metric isn't for the factors of a data set, or None if it is.

    Args:
        metric: its name in METRICS.
        protocol: one of the metric's.
        dataset: the data set, or None if it isn't known yet: then nothing is said against it.
    """
    own = getattr(sys.modules[METRICS[metric].__module__], "NUM_FACTORS", {})
    names = getattr(dataset, "factor_names", None)
    if names is None or own.get(protocol, len(names)) == len(names):
        return None
    return f"It must have {own[protocol]} factors. Received: {len(names)} of {dataset.name!r}."


def check_protocols(names: Sequence[str]) -> None:
    """Checks that each name is a protocol of some metric, or "all" alone.

    Args:
        names: of protocols.

    Raises:
        ValueError: a name is unknown, and the message suggests the nearest; or "all" isn't alone.
    """
    own = [*unsupervised_accuracy.PROTOCOLS, *(p for name in METRICS for p in protocols_of(name))]
    known = dict.fromkeys(["all", *own])
    for name in names:
        registry.lookup(known, name, kind="protocol")
    if "all" in names and len(names) > 1:
        raise ValueError(
            f"protocols must be 'all' alone, or names without it. Received: {', '.join(names)}."
        )


def score_codes(
    table: CodeTable,
    dataset: FactorDataset,
    metrics: Sequence[str],
    *,
    settings: str = "full",
    protocols: Sequence[str] = (DEFAULT_PROTOCOL,),
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Yields the result of each metric, under each of the protocols that it has.

    Args:
        table: the codes.
        dataset: gives the factors; the "unsupervised" scores need none.
        metrics: names in METRICS.
        settings: "full" or "fast".
        protocols: names; a metric that has none of one leaves it out.
        seed: of the metrics' own randomness.

    Yields:
        result: with "metric", "score", "protocol", "settings", "seed", "seconds", the table's
            provenance, "versions", and "details".

    Raises:
        ValueError: the codes or the factors can't be scored.
    """
    has_factors = hasattr(dataset, "factors")
    if not has_factors and set(metrics) != {"unsupervised"}:
        raise ValueError(
            "A data set must have factors for disentanglement metrics. "
            f"Received: dataset={dataset.name!r}"
        )
    factors = dataset.factors(table.indices) if has_factors else None
    for name in metrics:
        for protocol in protocols:
            if protocol not in protocols_of(name):
                continue
            began = time.monotonic()
            found = METRICS[name](
                table.codes, factors, seed=seed, protocol=protocol, settings=settings
            )
            yield as_result(
                name, found, table.provenance, seconds=time.monotonic() - began, dataset=dataset
            )


def as_result(
    metric: str, found: dict[str, Any], provenance: Any, *, seconds: float, dataset: Any
) -> dict[str, Any]:
    """Returns a metric's result with all that is needed to cite it."""
    found = dict(found)
    head = {name: found.pop(name) for name in ("score", "protocol", "settings", "seed")}
    if "num_images" in provenance:  # a sample's scores are not those of the whole set
        head["settings"] += f"-{provenance['num_images']}_images"
    details = found | {"factor_names": list(getattr(dataset, "factor_names", ()))}
    return {
        "metric": metric,
        **head,
        "seconds": round(seconds, 3),
        **provenance,
        "versions": _versions(),
        "details": details,
    }


def information_of_run(
    run: Run, *, num_samples: int = 10_000, seed: int = 0, statistics: str = "training"
) -> dict[str, Any]:
    """Returns the bounds on the information of images and codes of a run's model.

    Args:
        run: of a model that `bounds.kind_of` knows.
        num_samples: of the noise z or of the codes, all new; for a VAE, real images.
        seed: of the samples.
        statistics: of BatchNorm, one of `batch_norm.STATISTICS`.

    Returns:
        result: as of `ibgan_tf.metrics.information.information` for a model that encodes noise,
            else of `bounds.of_codes` or `bounds.of_posterior`.
    """
    began = time.monotonic()
    kind, samples = bounds.kind_of(run.model), {"num_samples": num_samples, "seed": seed}
    data_source = run.config.data_source
    if kind == "posterior" or statistics == "real_images":  # of images that are read now
        data_source = {"source": run.dataset.source, "sha256": run.dataset.sha256}
    provenance = {
        "model": run.config.model,
        "dataset": run.config.dataset,
        "step": run.step,
        "batch_norm_statistics": statistics,
        "weights_sha256": weights_hash(run.model.networks()),
        "data_source": data_source,
    }
    with batch_norm.statistics_of(run.model, statistics, run.dataset):
        if kind == "codes":
            found = bounds.of_codes(run.model, **samples)
        elif kind == "posterior":
            found = bounds.of_posterior(run.model, run.dataset, **samples)
        else:
            found = _information_of_noise(run.model, **samples)
    found |= {"protocol": "ibgan_tf", "settings": "full", "seed": seed}
    return as_result(
        "information", found, provenance, seconds=time.monotonic() - began, dataset=None
    )


def _information_of_noise(model: Any, *, num_samples: int, seed: int) -> dict[str, Any]:
    """Returns the bounds on the generative mutual information, on fresh noise."""
    parts = []

    @tf.function
    def measure(start):
        draw = seeds.stateless_seed(seed, start, seeds.Draw.EVALUATION)
        z = model.noise_prior.sample(batch, seed=draw)
        encoded = model.encode_noise(z)
        r = encoded.sample(seed=seeds.stateless_seed(seed, start, seeds.Draw.CODE))
        images = model.generate_from_r(r)
        z_mean, r_mean = model.encode(images)
        lower = information_losses.information_lower_bound(
            tfd.Normal(z_mean, 1.0), model.noise_prior, z
        )
        return (
            lower,
            information_losses.dimensionwise_kl(encoded, model.prior),
            r,
            r_mean,
            z,
            z_mean,
        )

    batch = min(num_samples, 250)
    for start in range(0, num_samples, batch):
        parts.append([part.numpy() for part in measure(tf.constant(start))])
    lower, kl, r, r_mean, z, z_mean = map(np.concatenate, zip(*parts, strict=True))
    return information(
        lower_bound=lower,
        fitted_lower_bound=information_losses.fitted_information_lower_bound(z, z_mean).numpy(),
        dimension_kl=kl,
        codes=r,
        recovered_codes=r_mean,
    )


def result_name(result: dict[str, Any]) -> str:
    """Returns the name of a result's file: <metric>, or <metric>-<what isn't the default>.

    Args:
        result: with metric, protocol, settings and seed, perhaps num_images, representation and
            batch_norm_statistics.
    """
    representations = getattr(MODELS.get(result.get("model")), "representations", ())
    usual = (*_USUAL, *representations[:1])  # a model's first is its default
    parts = [result["metric"]]
    parts += [result["protocol"]] * (result["protocol"] not in _ONLY_PROTOCOLS)
    parts += [result["settings"]] * (result["settings"] != "full")
    for key in ("representation", "batch_norm_statistics"):
        parts += [value for value in [result.get(key)] if value not in usual]
    parts += [f"seed_{result['seed']}"] * (result["seed"] != 0)
    return "-".join(parts)


def tag(result: dict[str, Any]) -> str:
    """Returns the name of a result in TensorBoard and in the log: that of its file.

    Bounds of the information have their own names: models know different ones.
    """
    name = result_name(result).removeprefix(result["metric"])
    return f"metrics/{_quantity(result)}{name}"


def _quantity(result: dict[str, Any]) -> str:
    """Returns what the score of a result is: its metric, or which bound of the information."""
    if result["metric"] != "information":
        return result["metric"]
    return next(name for name in _INFORMATION_BOUNDS if name in result["details"])


def write_result(folder: pathlib.Path, result: dict[str, Any]) -> pathlib.Path:
    """Writes one result to <its name>.json.

    A result replaces only one of the same metric, protocol, settings, representation, statistics
    and seed.

    Args:
        folder: made if it is missing.
        result: of `score_codes`, `information_of_run` or `images.score_images`.

    Returns:
        path: of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result_name(result)}.json"
    atomic.write_json(path, result)
    return path


def table_text(results: Sequence[dict[str, Any]]) -> str:
    """Returns results as a table for the screen."""
    lines = [
        f"{'metric':<32}{'score':>10}  {'protocol':<26}{'settings':<18}{'seed':>4}{'seconds':>9}"
    ]
    for result in results:
        lines.append(
            f"{_quantity(result):<32}{result['score']:>10.4g}  {result['protocol']:<26}"
            f"{result['settings']:<18}{result['seed']:>4}{result['seconds']:>9.1f}"
        )
    return "\n".join(lines)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        versions[package] = importlib.metadata.version(package)
    return versions
