import numpy as np
import pytest

from ibgan_tf.serving import requests

SIGNATURES = {
    "generate": {"inputs": {"z": {"dtype": "float32", "shape": [None, 3]}}},
    "stochastic": {
        "inputs": {
            "z": {"dtype": "float32", "shape": [None, 3]},
            "seed": {"dtype": "int64", "shape": [None]},
        }
    },
    "encode": {"inputs": {"images": {"dtype": "uint8", "shape": [None, 2, 2, 1]}}},
    "named": {"inputs": {"part": {"dtype": "string", "shape": [None]}}},
}
ROWS = [[0, 1, 2], [3, 4, 5]]


def check(signature, **inputs):
    return requests.check_inputs(SIGNATURES, signature, inputs)


def test_inputs_become_arrays_of_the_signatures_types():
    arrays = check("stochastic", z=ROWS, seed=[7, -(2**63)])
    assert arrays["z"].dtype == np.float32
    assert arrays["z"].tolist() == ROWS
    assert arrays["seed"].dtype == np.int64
    assert arrays["seed"].tolist() == [7, -(2**63)]
    assert check("named", part=[b"r"])["part"].tolist() == [b"r"]


def test_an_unknown_signature_suggests_one():
    with pytest.raises(ValueError, match="signature must be one of.*Did you mean 'generate'"):
        check("generates", z=ROWS)


def test_other_inputs_are_refused():
    with pytest.raises(ValueError, match="inputs of stochastic must be seed, z. Received: r, z"):
        check("stochastic", z=ROWS, r=ROWS)


@pytest.mark.parametrize("value", [[[0.0, 1.0]], [0.0, 1.0, 2.0], [[[0.0, 1.0, 2.0]]]])
def test_a_wrong_length_is_refused(value):
    with pytest.raises(ValueError, match=r"z must have the shape \[n, 3\]. Received: shape="):
        check("generate", z=value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_what_is_not_finite_is_refused_by_its_place(value):
    with pytest.raises(ValueError, match=r"z must be finite. Received: z\[1, 2\]=(nan|inf)"):
        check("generate", z=[[0, 1, 2], [3, 4, value]])


def test_other_kinds_of_numbers_are_refused():
    with pytest.raises(ValueError, match="seed must be int64. Received: dtype=float64"):
        check("stochastic", z=ROWS, seed=[1.0, 2.0])
    with pytest.raises(ValueError, match="z must be float32. Received: dtype=<U1"):
        check("generate", z=[["a", "b", "c"]])
    with pytest.raises(ValueError, match=r"images must lie in 0\.\.255\. Received: 0\.\.256"):
        check("encode", images=np.array([0, 1, 2, 256]).reshape(1, 2, 2, 1))
    with pytest.raises(ValueError, match="part must hold bytes"):
        check("named", part=["r"])


def test_batches_out_of_bounds_are_refused():
    with pytest.raises(ValueError, match="1 to 64 rows. Received: 65 rows for generate"):
        check("generate", z=np.zeros([65, 3]))
    with pytest.raises(ValueError, match="1 to 64 rows. Received: 0 rows"):
        check("generate", z=np.zeros([0, 3]))
    with pytest.raises(ValueError, match="equally many rows. Received: .*'seed': 1"):
        check("stochastic", z=ROWS, seed=[1])
