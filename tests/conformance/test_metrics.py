"""What every entry of METRICS does, whatever it measures."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from ibgan_tf.metrics import METRICS

FACTORS = np.stack(np.unravel_index(np.arange(24), (2, 3, 4)), axis=1)
CODES = FACTORS + 0.3 * np.random.default_rng(0).normal(size=FACTORS.shape)


@pytest.fixture(params=METRICS)
def metric(request):
    return METRICS[request.param]


def run(metric, codes=CODES, factors=FACTORS):
    """Returns the result of a metric's fast settings after a passage through JSON without NaN."""
    result = metric(codes, factors, seed=1, settings="fast")
    plain = json.loads(json.dumps(result, allow_nan=False))
    assert plain == result
    return plain


def changed(table, row, column, value):
    table = np.array(table, dtype=float)
    table[row, column] = value
    return table


def test_a_result_is_plain_and_says_what_it_was_computed_with(metric):
    result = run(metric)
    assert isinstance(result["score"], float)
    assert result["protocol"] == "disentanglement_lib"
    assert result["settings"] == "fast"
    assert result["seed"] == 1


def test_a_seed_repeats_its_result_and_the_arrays_stay_as_they_were(metric):
    codes, factors = CODES.astype(np.float32), FACTORS.copy()
    first = run(metric, codes, factors)
    np.testing.assert_array_equal(codes, CODES.astype(np.float32))
    np.testing.assert_array_equal(factors, FACTORS)
    assert run(metric, codes.tolist(), factors.tolist()) == first


def test_a_sample_of_a_grid_in_any_order_will_do(metric):
    rows = np.random.default_rng(0).permutation(24)[:20]
    run(metric, CODES[rows], FACTORS[rows])


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_codes_have_a_score(metric, value):
    run(metric, np.full([24, 3], value))


def test_a_constant_dimension_leaves_a_score(metric):
    run(metric, np.concatenate([np.full([24, 1], 0.1), CODES], axis=1))


def test_a_single_dimension_has_a_score(metric):
    run(metric, CODES[:, :1])


def test_codes_that_are_not_finite_are_refused(metric):
    message = "codes must be finite. Received: codes[4, 1]=nan."
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(changed(CODES, 4, 1, np.nan), FACTORS)


def test_tables_of_different_lengths_are_refused(metric):
    message = "Received: codes with 24 rows, factors with 23 rows."
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(CODES, FACTORS[:-1])


def test_a_factor_of_one_value_is_refused(metric):
    message = "Received: factors[:, 2] is 0 in every row."
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(CODES, FACTORS * [1, 1, 0])


def test_unknown_settings_and_protocols_are_refused_with_the_nearest(metric):
    with pytest.raises(ValueError, match="Received: settings='fats'. Did you mean 'fast'?"):
        metric(CODES, FACTORS, settings="fats")
    with pytest.raises(ValueError, match="Did you mean 'disentanglement_lib'?"):
        metric(CODES, FACTORS, protocol="disentanglementlib")


def test_the_metrics_need_no_tensorflow_and_scikit_learn_only_when_they_run():
    program = (
        "import sys\n"
        "sys.modules['tensorflow'] = None\n"
        "from ibgan_tf.metrics import METRICS, factor_vae_score\n"
        "assert not {'sklearn', 'scipy'} & set(sys.modules)\n"
        "table = [[0, 0], [0, 1], [1, 0], [1, 1]]\n"
        "print(factor_vae_score(table, table, settings='fast')['score'])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert finished.stderr == ""
    assert finished.stdout == "1.0\n"
