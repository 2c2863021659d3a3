"""Which metrics a run can have, and what is said of the others."""

import types

import pytest

from ibgan_tf.evaluation import choosing
from ibgan_tf.metrics import METRICS
from ibgan_tf.models.ibgan import IBGAN, IBGANConfig

FACTORS = types.SimpleNamespace(
    name="shapes", factors=len, factor_names=("a", "b"), factor_sizes=(2, 3),
    image_shape=(28, 28, 1), size=6, source="", sha256="", settings_class=None, images=len,
    index=len,
)  # fmt: skip
LABELS = types.SimpleNamespace(name="digits", labels=None, num_classes=10)
PLAIN = types.SimpleNamespace(name="faces")


class Generator:
    """A model that only generates."""

    def generate(self, z):
        return z


class Sorter(Generator):
    """One that sorts images, too."""

    def classify(self, images):
        return images


@pytest.fixture(autouse=True)
def no_inception(monkeypatch):
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)


@pytest.fixture(scope="module")
def ibgan():
    return IBGAN(
        IBGANConfig(z_dim=4, r_dim=3, generator_width=2, discriminator_width=2), (28, 28, 1)
    )


def choose(names, model, dataset):
    return choosing.choose(names, model=model, model_name="some_model", dataset=dataset)


def test_all_is_what_the_run_can_have_and_says_why_not_the_rest(ibgan):
    chosen, left_out = choose(["all"], ibgan, FACTORS)
    assert chosen == [
        *METRICS, "information", "frechet_classifier_distance", "kernel_classifier_distance"
    ]  # fmt: skip
    assert {*chosen, *left_out} == set(choosing.GROUPS["all"])
    text = choosing.left_out_text(left_out)
    assert "left out: fid, kid. FID must have Inception" in text
    assert "unsupervised_accuracy. The model must have a categorical code" in text
    assert "classifier_score, inception_score. The data set must have labels" in text


def test_a_set_without_factors_has_the_scores_that_need_none(ibgan):
    chosen, left_out = choose(["disentanglement"], ibgan, PLAIN)
    assert chosen == ["unsupervised"]
    assert left_out["mig"] == "The data set must have factors. Received: dataset='faces'."
    assert choose(["images"], ibgan, PLAIN)[0] == []


def test_a_model_that_sorts_images_is_counted_on_a_labelled_set():
    assert choose(["unsupervised_accuracy"], Sorter(), LABELS) == (["unsupervised_accuracy"], {})
    with pytest.raises(ValueError, match="must have labels. Received: dataset='faces'"):
        choose(["unsupervised_accuracy"], Sorter(), PLAIN)
    assert "classifier_score" in choose(["images"], Sorter(), LABELS)[0]


@pytest.mark.parametrize("name", ["mig", "information", "unsupervised_accuracy"])
def test_what_a_generator_alone_cannot_have_is_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"'{name}' can't be computed.*model='some_model'"):
        choose([name], Generator(), FACTORS)


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"metric must be one of.*Did you mean 'fid'\?"):
        choosing.check_names(["fidd"])


def test_a_metric_named_twice_is_computed_once(ibgan):
    assert choose(["mig", "mig", "disentanglement"], ibgan, FACTORS)[0].count("mig") == 1
