import json

import numpy as np
import pytest

from ibgan_tf.serving.packing import pack, unpack


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, np.nan], [-np.inf, 1e-45]], np.float32),
        np.array([-(2**63), 2**63 - 1]),
        np.array([[True], [False]]),
        np.zeros([0, 3], np.uint8),
        np.arange(6.0, dtype=np.float32).reshape(2, 3).T,
        np.array([[b"", b"\x00\xff\x00"]], object),
    ],
    ids=["floats", "integers", "bools", "none", "transposed", "bytes"],
)
def test_an_array_survives_json(array):
    again = unpack(json.loads(json.dumps(pack(array))))
    assert again.dtype == array.dtype and again.shape == array.shape
    np.testing.assert_array_equal(again, array)


def test_numbers_are_their_bytes_in_base64():
    assert pack(np.array([1, 256], np.int64)) == {
        "dtype": "int64",
        "shape": [2],
        "base64": "AQAAAAAAAAAAAQAAAAAAAA==",
    }


@pytest.mark.parametrize(
    "packed",
    [
        {},
        {"dtype": "float32", "shape": [2], "base64": "AAAA"},
        {"dtype": "float32", "shape": [1], "base64": "....."},
        {"dtype": "object", "shape": [1], "base64": "AAAAAAAAAAA="},
        {"dtype": "string", "shape": [2], "base64": ["AAAA"]},
        {"dtype": "float32", "shape": None, "base64": ""},
    ],
)
def test_what_is_no_array_is_refused(packed):
    with pytest.raises(ValueError, match="An array must be written as dtype, shape and base64. R"):
        unpack(packed)
