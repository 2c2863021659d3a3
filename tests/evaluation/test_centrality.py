"""ModelCentrality of runs and checkpoints, on models whose codes are known."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.evaluation import bounds, centrality
from ibgan_tf.metrics import model_centrality
from ibgan_tf.metrics.model_centrality import GroupSizes
from ibgan_tf.models import base
from ibgan_tf.models.infogan import InfoGAN, InfoGANConfig
from ibgan_tf.models.joint_vae import JointVAE, JointVAEConfig
from ibgan_tf.runs.load import load_run

tfd = tfp.distributions

SIZES = GroupSizes(votes_per_code=10, group_size=8, sample_size=200)


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setitem(model_centrality.PROTOCOLS["ibgan_tf"], "fast", SIZES)


class Painter:
    """Paints its codes into as many pixels, and reads them off again.

    Args:
        mix: a pixel is the sum of the codes with these weights, [codes, pixels].
    """

    representations = ("code",)

    def __init__(self, mix):
        size = len(mix)
        prior = tfd.Normal(tf.zeros([size]), 1.0)
        self.latent = (base.LatentPart(name="r", size=size, prior=prior, traversable=True),)
        self.mix = np.array(mix, np.float32)
        self.image_shape = (1, size, 1)

    def generate(self, r):
        return tf.reshape(r @ self.mix, [-1, *self.image_shape])

    def represent(self, images, kind):
        return tf.reshape(images, [-1, len(self.mix)]) @ np.linalg.inv(self.mix)


PLAIN = np.eye(3)
REORDERED = PLAIN[[2, 0, 1]]
TURNED = [[1, 1, 0], [1, -1, 0], [0, 0, 1]]  # two pixels with half of either code


@pytest.fixture
def judge(monkeypatch):
    """Returns a function that makes a judge of a painter whose codes all carry information."""
    monkeypatch.setattr(bounds, "of_each_code", lambda model, *_, **__: {"r": model.information})

    def of(mix, information=(1.0, 1.0, 1.0)):
        painter = Painter(mix)
        painter.information = np.array(information)
        config = types.SimpleNamespace(model="painter")
        return centrality._judge(types.SimpleNamespace(model=painter, config=config, dataset=None))

    return of


def test_models_with_the_same_codes_understand_each_other_in_any_order(judge):
    judges = [judge(PLAIN), judge(REORDERED)]
    assert centrality._accuracies(judges, SIZES, seed=0).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_model_with_mixed_codes_is_understood_less(judge):
    judges = [judge(PLAIN), judge(REORDERED), judge(TURNED)]
    accuracies = centrality._accuracies(judges, SIZES, seed=0)
    assert accuracies[0, 1] == accuracies[1, 0] == accuracies[2, 2] == 1.0
    # Its third code is theirs, a third of the votes; of the two others a vote says little.
    assert 1 / 3 <= accuracies[0, 2] < 0.9 and 1 / 3 <= accuracies[2, 0] < 0.9


def test_codes_that_sleep_take_no_part(judge):
    sleeping = judge(PLAIN, information=[1.0, 0.4, 0.6])
    assert sleeping.informative.tolist() == [True, False, True]
    assert sleeping.codes == [slice(0, 1), slice(2, 3)]
    shared, latent = centrality._latent(sleeping, 2, SIZES, seed=0)
    assert shared.tolist() == [0] * 10 + [1] * 10
    groups = latent[: 20 * 8].reshape(20, 8, 3)
    same = np.ptp(groups, axis=1) == 0  # [votes, code_dim]
    assert same.tolist() == [[True, False, False]] * 10 + [[False, False, True]] * 10
    assert len(latent) == 20 * 8 + 200 and (np.ptp(latent[160:], axis=0) > 0).all()


def test_groups_of_codes_that_a_model_lacks_share_nothing(judge):
    sleeping = judge(PLAIN, information=[1.0, 0.4, 0.6])
    shared, latent = centrality._latent(sleeping, 3, SIZES, seed=0)
    assert shared.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    third = latent[20 * 8 : 30 * 8].reshape(10, 8, 3)
    assert (np.ptp(third, axis=1) > 0).all()


def test_a_model_of_two_codes_is_not_the_medoid_of_models_of_five_that_agree_weakly(judge):
    """To tell two codes apart is easier than five, and right half the time by chance."""
    turns = np.random.default_rng(0).normal(size=[4, 5, 5])
    models = [judge(np.linalg.qr(turn)[0], information=[1.0] * 5) for turn in turns]
    collapsed = np.eye(5) * [1, 1, 0.1, 0.1, 0.1]
    models.append(judge(collapsed, information=[1.0, 1.0, 0.0, 0.0, 0.0]))
    accuracies = centrality._accuracies(models, SIZES, seed=0)
    assert (accuracies[:4, 4] < 0.7).all()  # two of five labels, and the rest by chance
    assert model_centrality.model_centrality(accuracies)["best_model"] < 4


def test_a_model_of_a_single_code_agrees_with_no_other(judge):
    alone = judge(PLAIN, information=[1.0, 0.1, 0.1])
    accuracies = centrality._accuracies([judge(PLAIN), alone, judge(REORDERED)], SIZES, seed=0)
    assert accuracies[1].tolist() == accuracies[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert accuracies[0, 2] == accuracies[2, 0] == 1.0


def test_a_category_is_one_code():
    config = InfoGANConfig(
        noise_dim=2,
        continuous_dim=1,
        categorical_sizes=(3,),
        generator_width=2,
        discriminator_width=2,
    )
    model = InfoGAN(config, (28, 28, 1))
    model.code_information = lambda *_: {"c": tf.constant([1.0]), "s1": tf.constant([0.9])}
    found = centrality._judge(
        types.SimpleNamespace(
            model=model, config=types.SimpleNamespace(model="infogan"), dataset=None
        )
    )
    assert found.codes == [slice(2, 3), slice(3, 6)]
    assert found.informative.tolist() == [True] * 4
    _, latent = centrality._latent(found, 2, SIZES, seed=0)
    categories = latent[80:160, 3:].reshape(10, 8, 3)
    assert (categories == categories[:, :1]).all()


def test_the_information_of_a_category_is_the_sum_of_its_parts():
    config = JointVAEConfig(z_dim=2, categorical_sizes=(3,))
    model = JointVAE(config, (28, 28, 1))
    images = np.random.default_rng(0).integers(256, size=[20, 28, 28, 1], dtype=np.uint8)
    dataset = types.SimpleNamespace(
        size=20, image_shape=images.shape[1:], images=lambda indices: images[indices]
    )
    found = bounds.of_each_code(model, dataset, num_samples=50, seed=0)
    whole = bounds.of_posterior(model, dataset, num_samples=50, seed=0)["dimension_kl"]
    assert {name: values.shape for name, values in found.items()} == {"z": (2,), "s1": (1,)}
    np.testing.assert_allclose(found["s1"], sum(whole[2:]), rtol=1e-5)


@pytest.fixture
def informative(monkeypatch):
    """An untrained model's code carries nothing; here it does."""
    monkeypatch.setattr(bounds, "of_each_code", lambda *_, **__: {"r": np.array([1.0, 1.0, 0.0])})


@pytest.mark.usefixtures("informative")
def test_each_checkpoint_has_its_score_in_the_runs_folder(scored_run):
    results = centrality.evaluate_centrality([scored_run], step="all", settings="fast", seed=1)
    assert [(path, result["step"]) for path, result in results] == [
        (scored_run, 3),
        (scored_run, 7),
    ]
    for _, result in results:
        folder = scored_run / "metrics" / f"step-{result['step']}"
        path = folder / f"model_centrality-{result['settings']}-seed_1.json"
        assert json.loads(path.read_text()) == result
        assert result["settings"].startswith("fast-2_models-")
        assert 0.5 <= result["score"] <= 1.0
    (similarity,) = results[0][1]["details"]["similarity"].items()
    assert similarity == ("run, step 7", pytest.approx(results[1][1]["score"]))


@pytest.mark.usefixtures("informative")
def test_runs_of_one_name_are_told_apart_by_their_paths(scored_run, tmp_path):
    runs = [shutil.copytree(scored_run, tmp_path / sweep / "run") for sweep in ("a", "b")]
    (_, first), _ = centrality.evaluate_centrality(runs, settings="fast")
    assert first["details"]["similarity"].keys() == {f"{runs[1]}, step 7"}


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"step": "last"}, ValueError, r"two models or more. Received: 1. Give several"),
        ({"step": "all", "first_step": 4}, ValueError, r"two models or more. Received: 1"),
        ({"step": "all", "first_step": 8}, FileNotFoundError, r"weights from step 8 on"),
        ({"settings": "quick"}, ValueError, "settings must be one of: fast, full"),
        ({"seed": -1}, ValueError, "seed must be a whole number >= 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(scored_run, asked, error, message):
    with pytest.raises(error, match=message):
        centrality.evaluate_centrality([scored_run], **asked)


def test_a_run_that_is_given_twice_is_refused(scored_run, tmp_path):
    (tmp_path / "link").symlink_to(scored_run)
    with pytest.raises(ValueError, match=r"different folders: give each once. Received: .*run and"):
        centrality.evaluate_centrality([scored_run, tmp_path / "link"], step="all")


def test_models_of_other_images_are_refused(scored_run, monkeypatch):
    small = load_run(scored_run)
    large = dataclasses.replace(
        small, config=dataclasses.replace(small.config, image_shape=(64, 64, 3))
    )
    runs = iter([small, large])
    monkeypatch.setattr(centrality, "load_run", lambda *_, **__: next(runs))
    with pytest.raises(ValueError, match=r"one shape. Received: \(28, 28, 1\).*\(64, 64, 3\)"):
        centrality.evaluate_centrality([scored_run, scored_run.parent])
