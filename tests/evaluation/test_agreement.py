"""UDR of several runs: written into each, by the metric of the same codes."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.evaluation import agreement, codes
from ibgan_tf.metrics.udr import udr
from ibgan_tf.models.vae import VAE, VAEConfig
from ibgan_tf.runs.load import load_run

tfd = tfp.distributions

DIMENSION_KL = agreement._dimension_kl


@pytest.fixture
def two_runs(scored_run, tmp_path):
    return [scored_run, shutil.copytree(scored_run, tmp_path / "other")]


@pytest.fixture(autouse=True)
def informative(monkeypatch):
    """An untrained model's code carries nothing; here it does."""
    monkeypatch.setattr(agreement, "_dimension_kl", lambda run: np.array([1.0, 0.5, 0.0]))


def test_each_run_has_its_score_in_its_folder(two_runs):
    results = agreement.evaluate_agreement(two_runs, protocol="spearman", settings="fast", seed=1)
    table = codes.run_codes(load_run(two_runs[0])).codes
    expected = udr(
        [table, table], [[1.0, 0.5, 0.0]] * 2, protocol="spearman", settings="fast", seed=1
    )
    assert 0.5 < expected["score"][0] <= 1.0
    for run_dir, result in zip(two_runs, results, strict=True):
        path = run_dir / "metrics" / "step-7" / f"udr-spearman-{result['settings']}-seed_1.json"
        assert json.loads(path.read_text()) == result
        assert result["settings"].startswith("fast-2_models-")
        assert result["score"] == pytest.approx(expected["score"][0], abs=1e-6)
        assert result["details"]["informative_dims"] == [True, True, False]
    assert results[0]["details"]["agreement"].keys() == {"other"}
    assert results[0]["representation"] == "r_mean"


def test_scores_among_other_runs_have_other_settings():
    among = agreement.compared_models(["1a", "2b"])
    assert among == agreement.compared_models(["2b", "1a"])
    assert among.startswith("2_models-") and len(among) == len("2_models-") + 8
    others = (["1a", "2c"], ["1a", "2b", "2b"])
    assert among not in map(agreement.compared_models, others)


def test_a_single_run_is_refused(two_runs):
    with pytest.raises(ValueError, match="two runs or more. Received: 1."):
        agreement.evaluate_agreement(two_runs[:1])


def test_a_run_that_is_given_twice_is_refused(two_runs):
    first, second = two_runs
    again = first.parent / "other" / ".." / first.name
    with pytest.raises(
        ValueError, match=r"different folders: give each once. Received: .*/run and"
    ):
        agreement.evaluate_agreement([first, second, again])


def test_runs_on_other_images_are_refused(two_runs, monkeypatch):
    runs = [load_run(path) for path in two_runs]
    runs[1].dataset.sha256 = "other"
    monkeypatch.setattr(agreement, "load_run", lambda path, **_: runs[two_runs.index(path)])
    with pytest.raises(ValueError, match="must be of the same images"):
        agreement.evaluate_agreement(two_runs)


def test_runs_with_other_settings_of_their_data_are_refused(two_runs, monkeypatch):
    """Color-dSprites' definitions have one sha256, that of the sprites, and other images."""
    runs = [load_run(path) for path in two_runs]
    settings = dataclasses.make_dataclass("Settings", [("definition", str)], frozen=True)
    runs = [
        dataclasses.replace(
            run, config=dataclasses.replace(run.config, dataset_settings=settings(definition))
        )
        for run, definition in zip(runs, ("levels", "continuous"), strict=True)
    ]
    for run, loaded in zip(runs, map(load_run, two_runs), strict=True):
        run.__dict__["dataset"] = loaded.dataset  # which is opened when it is first asked for
    monkeypatch.setattr(agreement, "load_run", lambda path, **_: runs[two_runs.index(path)])
    with pytest.raises(ValueError, match="definition=levels.*definition=continuous"):
        agreement.evaluate_agreement(two_runs)


def test_runs_of_one_name_are_told_apart_by_their_paths(scored_run, tmp_path):
    runs = [shutil.copytree(scored_run, tmp_path / sweep / "run") for sweep in ("a", "b")]
    first, second = agreement.evaluate_agreement(runs, protocol="spearman", settings="fast")
    assert first["details"]["agreement"].keys() == {str(runs[1])}
    assert second["details"]["agreement"].keys() == {str(runs[0])}


def test_the_kl_of_a_vae_is_of_real_images():
    model = VAE(VAEConfig(z_dim=2), (28, 28, 1))
    images = np.random.default_rng(0).integers(256, size=[50, 28, 28, 1], dtype=np.uint8)
    dataset = types.SimpleNamespace(
        size=50, image_shape=images.shape[1:], images=lambda indices: images[indices]
    )
    run = types.SimpleNamespace(model=model, dataset=dataset)
    posterior = model.infer(images.astype(np.float32) / 127.5 - 1.0)
    expected = tfd.kl_divergence(posterior, tfd.Normal(tf.zeros([2]), 1.0)).numpy().mean(axis=0)
    np.testing.assert_allclose(DIMENSION_KL(run), expected, rtol=0.05)  # of draws of the fifty


def test_a_model_that_does_not_know_its_kl_is_refused():
    config = types.SimpleNamespace(model="gan")
    run = types.SimpleNamespace(model=object(), run_dir="runs/a", config=config)
    with pytest.raises(ValueError, match="Received: model='gan' in runs/a."):
        DIMENSION_KL(run)
