"""One step on two devices is one step on one device with the whole batch."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = pathlib.Path(__file__).with_name("replica_step.py")
CASES = [f"{t}-{o}" for t in ("separate", "shared") for o in ("alternating", "simultaneous")]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the program wrote: name -> array."""
    path = tmp_path_factory.mktemp("replicas") / "found.npz"
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as archive:
        return dict(archive)


def both(found, case, kind):
    """Returns name -> (value on one device, value on two)."""
    prefix = f"{case}/1/{kind}/"
    names = [name.removeprefix(prefix) for name in found if name.startswith(prefix)]
    assert names
    return {name: (found[prefix + name], found[f"{case}/2/{kind}/{name}"]) for name in names}


@pytest.mark.parametrize("case", CASES)
def test_gradients_on_two_devices_are_those_of_the_whole_batch(found, case):
    gradients = both(found, case, "gradient")
    # A bias that a batch normalisation takes away has no gradient but rounding.
    without_gradient = set(found[f"normalised_biases/{case.split('-')[0]}"])
    largest_of_network = {}
    for path, (one, _) in gradients.items():
        network = path.split("/")[0]
        largest_of_network[network] = max(largest_of_network.get(network, 0), np.abs(one).max())
    assert without_gradient < set(gradients)
    for path, (one, two) in gradients.items():
        alone = path not in without_gradient
        largest = np.abs(one).max() if alone else largest_of_network[path.split("/")[0]]
        assert largest > 0, path
        assert np.abs(one - two).max() <= 1e-4 * largest, path


@pytest.mark.parametrize("case", CASES)
def test_statistics_are_those_of_the_whole_batch_on_each_device(found, case):
    for path, (one, two) in both(found, case, "statistic").items():
        np.testing.assert_array_equal(two[0], two[1], err_msg=path)
        np.testing.assert_allclose(two[0], one[0], rtol=1e-4, atol=1e-5, err_msg=path)


@pytest.mark.parametrize("case", CASES)
def test_the_mean_of_the_devices_scalars_is_that_of_the_whole_batch(found, case):
    for name, (one, two) in both(found, case, "scalar").items():
        if name != "information_lower_bound_fitted":  # not a mean over examples
            np.testing.assert_allclose(two.mean(), one[0], rtol=1e-4, err_msg=name)


def test_two_devices_share_the_numbers_that_one_draws(found):
    np.testing.assert_array_equal(found["draw/2"], found["draw/1"])
