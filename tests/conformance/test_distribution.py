"""One training step of every model on several replicas is one step with the whole batch.

The replicas are logical CPU devices of one process, or processes that share the work by TF_CONFIG.
"""

import functools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from ibgan_tf.models import MODELS
from ibgan_tf.ports import free_ports

PROGRAM = pathlib.Path(__file__).with_name("replica_step.py")
ROOT = PROGRAM.parents[2]
# Orthogonal kernels: with N(0, 0.02**2) the gradients of networks as small as these nearly vanish.
CASES = {
    name: {
        "model": name,
        "settings": {"initialization": "orthogonal"}
        if hasattr(model.config_class(), "initialization")
        else {},
    }
    for name, model in MODELS.items()
}
CASES["factor_vae"]["settings"] |= {"discriminator_width": 8, "discriminator_layers": 2}
# An image of three for each update on four replicas; a limit at which gradients don't vanish.
CASES["info_wgan"]["settings"] |= {"discriminator_updates": 3, "weight_limit": 0.3}
CASES["info_wgan"]["settings"] |= {"spectral_norm": False}
# Other forms of the step: what couples the examples of a batch, and what draws.
FORMS = {
    "ibgan, simultaneous": {
        **{"trunk": "separate", "update_order": "simultaneous"},
        **{"generator_width": 4, "discriminator_width": 4, "beta": 0.3, "encoder": "64-64-32"},
        **{"real_label_low": 0.7, "real_label_high": 1.2},
    },
    "ibgan, shared, alternating": {"trunk": "shared", "update_order": "alternating"},
    "ibgan, shared, simultaneous": {"trunk": "shared", "update_order": "simultaneous"},
    "gan, spectral_norm": {"spectral_norm": True, "optimizer": "adam", "noise_dim": 3},
    "infogan, shared": {
        **{"trunk": "shared", "spectral_norm": True, "reconstructor_optimizer": "discriminator"},
        **{"categorical_sizes": [4], "continuous_prior": "uniform", "code_variance": "learned"},
        **{"real_label_low": 0.7, "real_label_high": 1.2},
    },
}
for form, settings in FORMS.items():
    model = form.split(",")[0]
    CASES[form] = {"model": model, "settings": CASES[model]["settings"] | settings}

# Models of each kind of coupling and of draws; the slow groups have all of them.
OF_EACH_KIND = [
    *("ibgan", "infogan", "info_wgan", "mine_gan"),
    *("vae", "factor_vae", "beta_tcvae", "joint_vae"),
]
# Each group is a process; those of one name and several numbers are the workers of a cluster.
GROUPS = {
    "one": {"devices": 1, "cases": list(CASES), "resumed": []},
    "two": {"devices": 2, "cases": list(CASES), "resumed": OF_EACH_KIND},
    "four": {"devices": 4, "cases": OF_EACH_KIND, "resumed": []},
    "pair-0": {"cases": OF_EACH_KIND, "resumed": []},
    "pair-1": {"cases": OF_EACH_KIND, "resumed": []},
}
SLOW_GROUPS = {
    "one": {"devices": 1, "cases": list(CASES), "resumed": []},
    "four": {"devices": 4, "cases": list(CASES), "resumed": list(CASES)},
    **{f"trio-{index}": {"cases": list(CASES), "resumed": list(CASES)} for index in range(3)},
}


def with_addresses(groups):
    """Returns the groups; those of workers know of each other."""
    described = {}
    for name, group in groups.items():
        cluster, _, index = name.partition("-")
        described[name] = dict(group)
        if index:
            addresses = described[f"{cluster}-0"].get("addresses")
            count = sum(other.startswith(f"{cluster}-") for other in groups)
            addresses = addresses or [f"127.0.0.1:{port}" for port in free_ports(count)]
            task = {"type": "worker", "index": int(index)}
            described[name] |= {
                "addresses": addresses,
                "tf_config": {"cluster": {"worker": addresses}, "task": task},
            }
    return described


@pytest.fixture(scope="module")
def run_program(tmp_path_factory):
    """Gives a function that returns what the program writes: group -> name -> array."""

    @functools.cache
    def run(slow):
        folder = tmp_path_factory.mktemp("replicas")
        groups = with_addresses(SLOW_GROUPS if slow else GROUPS)
        request = folder / "request.json"
        request.write_text(json.dumps({"cases": CASES, "groups": groups}))
        done = subprocess.run(
            [sys.executable, PROGRAM, request, folder],
            env=os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
            **{"capture_output": True, "text": True, "check": False},
        )
        if done.returncode:
            return done.stderr  # a failure too is kept, for it took long
        return {name: dict(np.load(folder / f"{name}.npz")) for name in groups}

    return run


@pytest.fixture
def found(request, run_program):
    """What the program wrote; of the slow groups for a slow test."""
    written = run_program(request.node.get_closest_marker("slow") is not None)
    assert not isinstance(written, str), written[-3000:]
    return written


def of_case(arrays, case, kind):
    """Returns name -> array of one kind."""
    prefix = f"{case}/{kind}/"
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def processes_of(found, group):
    """Returns what all processes of a group's cluster wrote, in their order."""
    cluster = group.split("-")[0]
    return [arrays for name, arrays in found.items() if name.split("-")[0] == cluster]


def on_several(which="cases"):
    """Returns the parameters of a test of each case on each group but that of one device."""
    return pytest.mark.parametrize(
        ("case", "group"),
        [
            pytest.param(case, name, marks=[pytest.mark.slow] if groups is SLOW_GROUPS else [])
            for groups in (GROUPS, SLOW_GROUPS)
            for name, group in groups.items()
            for case in group[which]
            if name != "one"
        ],
    )


@on_several()
def test_gradients_are_those_of_the_whole_batch(found, case, group):
    gradients = of_case(found["one"], case, "gradient")
    others = of_case(found[group], case, "gradient")
    assert others.keys() == gradients.keys()
    # These have no gradient but rounding.
    without_gradient = set(found["one"][f"{case}/biases_without_gradient"])
    assert without_gradient <= set(gradients)
    largest_of_network = {}
    for path, gradient in gradients.items():
        network = path.split("/")[0]
        largest = max(largest_of_network.get(network, 0), np.abs(gradient).max())
        largest_of_network[network] = largest
    for path, gradient in gradients.items():
        largest = np.abs(gradient).max()
        if path in without_gradient:
            largest = largest_of_network[path.split("/")[0]]
        assert largest > 0, path
        assert np.abs(others[path] - gradient).max() <= 1e-4 * largest, path


@on_several()
def test_statistics_are_those_of_the_whole_batch(found, case, group):
    statistics = of_case(found["one"], case, "statistic")
    for path, rows in of_case(found[group], case, "statistic").items():
        np.testing.assert_allclose(rows[0], statistics[path][0], rtol=1e-4, atol=1e-5, err_msg=path)


@on_several()
def test_every_variable_is_equal_on_all_replicas(found, case, group):
    assert list(found[group][f"{case}/differs_between_replicas"]) == []
    for other in processes_of(found, group):
        np.testing.assert_array_equal(found[group][f"{case}/state"], other[f"{case}/state"])


@on_several()
def test_the_mean_of_the_scalars_is_that_of_the_whole_batch(found, case, group):
    for name, (expected,) in of_case(found["one"], case, "scalar").items():
        rows = [each[f"{case}/scalar/{name}"] for each in processes_of(found, group)]
        rows = np.concatenate(rows)
        np.testing.assert_allclose(rows.mean(), expected, rtol=1e-4, atol=1e-6, err_msg=name)


@on_several("resumed")
def test_a_restored_model_goes_on_bit_for_bit(found, case, group):
    resumed = found[group][f"{case}/resumed"]
    np.testing.assert_array_equal(resumed, found[group][f"{case}/state"])


@pytest.mark.parametrize("case", CASES)
def test_one_worker_can_save_alone(found, case):
    assert list(found["two"][f"{case}/needs_others_to_be_saved"]) == []


def test_replicas_share_the_numbers_that_one_device_draws(found):
    for case in OF_EACH_KIND:
        draw = found["one"][f"{case}/draw"]
        for group in ("two", "four"):
            np.testing.assert_array_equal(found[group][f"{case}/draw"], draw)
        of_workers = [each[f"{case}/draw"] for each in processes_of(found, "pair-0")]
        np.testing.assert_array_equal(np.concatenate(of_workers), draw)
