"""Dimensions are named by the mutual information matrix that evaluate.py wrote."""

import json
import pathlib
import types

import numpy as np
import pytest

from ibgan_tf.evaluation import factor_names

ENTROPY = [np.log(4), np.log(8)]
# I(r_d; v_k) in nats: of log 4 and log 8.
INFORMATION = [[0.2 * np.log(4), 0.05], [0.0, 0.5 * np.log(8)], [0.05, 0.09 * np.log(8)]]


class Model:
    """Three dimensions of r, and noise that isn't traversed."""

    representations = ("r_mean", "z_mean")
    latent = (
        types.SimpleNamespace(name="z", size=5, traversable=False),
        types.SimpleNamespace(name="r", size=3, traversable=True),
    )


@pytest.fixture
def run(tmp_path):
    """Gives a function that returns a run of a model whose MI matrix has been measured."""

    def make(model=None, *, name="mig", representation="r_mean", statistics="training", **changes):
        details = {
            "information": INFORMATION,
            "entropy": ENTROPY,
            "factor_names": ["shape", "position_x"],
        }
        result = {
            "metric": "mig",
            "protocol": "disentanglement_lib",
            "settings": "full",
            "representation": representation,
            "batch_norm_statistics": statistics,
            "details": details | changes,
        }
        folder = tmp_path / "metrics" / "step-7"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(result))
        return types.SimpleNamespace(model=model or Model(), run_dir=tmp_path, step=7)

    return make


def test_a_dimension_has_the_factor_of_which_it_knows_the_largest_share(run):
    # 0.05 of log 8 are less than 0.2 of log 4; 0.09 of log 8 are below the least that is told.
    found = factor_names.dimension_factors(run())
    assert found == {"r": ["shape 20 %", "position_x 50 %", ""]}


def test_what_the_estimate_finds_by_chance_names_nothing(run):
    # 10,000 images in 20 bins of 512 values: 19 * 511 / 20,000 = 0.485 nats.
    entropy = [np.log(512), np.log(2)]
    found = factor_names.dimension_factors(
        run(
            information=[[0.49, 0.0], [0.485 + 0.3 * np.log(512), 0.0], [0.0, 0.1]],
            entropy=entropy,
            factor_names=["color", "side"],
        )
    )
    assert found == {"r": ["", "color 30 %", "side 14 %"]}


def test_a_dimension_that_sleeps_has_no_factor(run):
    model = Model()
    model.dimension_kl = lambda: np.array([1.0, 0.04, 0.5])
    assert factor_names.dimension_factors(run(model))["r"] == ["shape 20 %", "", ""]


def test_the_codes_of_several_parts_stand_side_by_side(run):
    model = Model()
    model.latent = [
        types.SimpleNamespace(name=name, size=size, traversable=True)
        for name, size in (("c1", 1), ("c2", 2))
    ]
    found = factor_names.dimension_factors(run(model))
    assert found == {"c1": ["shape 20 %"], "c2": ["position_x 50 %", ""]}


def test_a_sample_s_matrix_serves_where_there_is_no_other(run):
    run(name="mig-z_mean", representation="z_mean")
    found = run(name="mig-full-1000_images")
    assert factor_names.dimension_factors(found)["r"][0] == "shape 20 %"


def test_codes_by_other_statistics_than_those_of_training_name_nothing(run):
    assert factor_names.dimension_factors(run(statistics="real_images")) == {}


def test_the_codes_of_a_gan_are_those_of_its_later_reconstructor(run):
    class Gan:
        latent = Model.latent

    found = run(Gan(), name="mig-afterwards_mean", representation="afterwards_mean")
    assert factor_names.dimension_factors(found)["r"][0] == "shape 20 %"


def test_without_a_measurement_nothing_is_named(tmp_path):
    run = types.SimpleNamespace(model=Model(), run_dir=pathlib.Path(tmp_path), step=7)
    assert factor_names.dimension_factors(run) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"information": INFORMATION[:2]}, r"of 3 dimensions and 2 factors\. Received: shape=\[2"),
        ({"information": "much"}, "must be what evaluate.py wrote"),
        ({"entropy": ENTROPY[:1]}, "of 3 dimensions and 2 factors"),
        ({"name": "mig-x", "factor_names": ["shape"]}, "of 3 dimensions and 1 factors"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_what_to_do(run, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        factor_names.dimension_factors(run(**changes))
    assert "mig" in str(caught.value) and "\n" not in str(caught.value)
