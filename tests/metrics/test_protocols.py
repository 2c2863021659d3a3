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


def test_points_are_a_number_or_a_share_of_the_rows():
    rng = protocols.generator(0)
    assert protocols.draw_points(rng, 50, 200).shape == (200,)
    assert protocols.draw_points(rng, 50, 0.1).shape == (5,)
    assert protocols.draw_points(rng, 5, 0.1).shape == (2,)


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
