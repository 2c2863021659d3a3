import importlib
import json
import re

import numpy as np
import pytest

from ibgan_tf.metrics import protocols

TABLE = {"disentanglement_lib": {"full": 10, "fast": 2}, "ibgan": {"full": 8, "fast": 1}}


def test_the_sizes_are_those_of_protocol_and_settings():
    assert protocols.choose(TABLE, "ibgan", "full") == 8
    assert protocols.choose(TABLE, "disentanglement_lib", "fast") == 2


def test_an_unknown_protocol_is_refused_with_the_nearest():
    message = (
        "protocol must be one of: disentanglement_lib, ibgan. "
        "Received: protocol='ib_gan'. Did you mean 'ibgan'?"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        protocols.choose(TABLE, "ib_gan", "full")


def test_unknown_settings_are_refused_with_the_nearest():
    message = "one of: fast, full. Received: settings='fas'. Did you mean 'fast'?"
    with pytest.raises(ValueError, match=re.escape(message)):
        protocols.choose(TABLE, "ibgan", "fas")


@pytest.mark.parametrize("seed", [-1, 0.5, True, None])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match=re.escape(f">= 0. Received: seed={seed!r}.")):
        protocols.generator(seed)


def test_points_are_a_number_or_a_share_of_all_images(factors):
    assert protocols.number_of_points(200, factors) == 200
    assert protocols.number_of_points(0.1, factors) == 36
    assert protocols.draw_points(protocols.generator(0), 50, 200).shape == (200,)
    assert protocols.draw_points(protocols.generator(0), 50, 0).shape == (2,)


def test_a_share_of_a_sample_is_that_of_dsprites(factors):
    assert protocols.number_of_points(0.1, np.zeros([100_000, 6], int)) == 73_728
    assert protocols.number_of_points(0.1, factors[1:]) == 359  # of fewer all
    assert protocols.number_of_points(200, factors[1:]) == 200


def test_of_a_complete_grid_rows_to_learn_from_and_fresh_ones_are_both_of_all(factors):
    rng = protocols.generator(3)
    train, test = protocols.draw_train_and_test(rng, factors, 5_000, 4_000)
    expected = protocols.generator(3)
    np.testing.assert_array_equal(train, protocols.draw_points(expected, 360, 5_000))
    np.testing.assert_array_equal(test, protocols.draw_points(expected, 360, 4_000))


@pytest.mark.parametrize("num_rows", [2, 30, 359])
def test_of_a_sample_no_fresh_row_is_one_to_learn_from(factors, num_rows):
    rng = protocols.generator(0)
    sample = rng.permutation(factors)[:num_rows]
    train, test = protocols.draw_train_and_test(rng, sample, 10_000, 5_000)
    assert (len(train), len(test)) == (10_000, 5_000)
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(range(num_rows))
    assert len(set(test)) == max(1, round(num_rows / 3))


def test_without_fresh_rows_those_to_learn_from_stand_for_them(factors):
    train, test = protocols.draw_train_and_test(protocols.generator(0), factors, 0.1, 0)
    assert train is test and len(train) == 36


def test_points_are_drawn_from_all_the_rows_with_replacement():
    rows = protocols.draw_points(protocols.generator(0), 5, 1000)
    assert set(rows) == {0, 1, 2, 3, 4}


def test_a_result_is_ready_for_json_and_begins_with_the_score():
    details = {"matrix": np.eye(2), "count": np.int64(3), "missing": None, "flag": np.True_}
    result = protocols.result(
        np.float32(0.5), details, protocol="ibgan", settings="full", seed=np.int64(4)
    )
    expected = {
        "score": 0.5,
        "matrix": [[1.0, 0.0], [0.0, 1.0]],
        "count": 3,
        "missing": None,
        "flag": True,
        "protocol": "ibgan",
        "settings": "full",
        "seed": 4,
    }
    assert json.loads(json.dumps(result)) == expected
    assert list(result) == list(expected)


@pytest.mark.parametrize(
    ("metric", "protocol", "sizes"),
    [
        (
            "beta_vae",
            "disentanglement_lib",
            {"train_points": 10_000, "eval_points": 5_000, "num_pairs": 64},
        ),
        ("beta_vae", "infogan_cr", {"train_points": 500, "num_pairs": 50}),
        ("factor_vae", "disentanglement_lib", {"batch_size": 64, "variance_points": 10_000}),
        ("factor_vae", "ibgan", {"batch_size": 200}),
        ("factor_vae", "infogan_cr", {"batch_size": 100, "variance_fraction": 0.1}),
        ("explicitness", "disentanglement_lib", {"train_points": 10_000, "test_points": 5_000}),
        (
            "dci",
            "disentanglement_lib",
            {"num_train": 10_000, "num_test": 5_000, "num_trees": 100},
        ),
        ("dci", "infogan_cr", {"num_train": 0.1, "num_trees": 10}),
        ("sap", "disentanglement_lib", {"num_train": 10_000, "num_test": 5_000}),
        (
            "irs",
            "disentanglement_lib",
            {"num_points": 10_000, "quantile": 0.99, "discretized": True},
        ),
        (
            "model_centrality",
            "ibgan_tf",
            {"votes_per_code": 100, "group_size": 100, "sample_size": 73_728},
        ),
    ],
)
def test_the_full_settings_are_the_published_sizes(metric, protocol, sizes):
    module = importlib.import_module(f"ibgan_tf.metrics.{metric}")
    full = module.PROTOCOLS[protocol]["full"]
    assert {name: getattr(full, name) for name in sizes} == sizes
