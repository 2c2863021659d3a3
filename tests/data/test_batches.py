import itertools

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.data import base
from ibgan_tf.data.batches import batch_indices, batches


class NumberedImages:
    """Images that say which they are: the index is the value of every pixel."""

    image_shape = (2, 2, 1)
    size = 24

    def images(self, indices):
        values = base.check_indices(indices, self.size).astype(np.uint8)
        return np.tile(values[:, None, None, None], [1, *self.image_shape])


def _indices(elements: tf.data.Dataset, count: int) -> np.ndarray:
    """Returns which images the first elements consist of, [count, images of an element]."""
    images = [element["images"].numpy() for element in itertools.islice(elements, count)]
    return np.rint((np.stack(images)[..., 0, 0, 0] + 1.0) * 127.5).astype(int)


def test_an_epoch_visits_every_image_once():
    seen = _indices(batches(NumberedImages(), batch_size=8, seed=3), 6).reshape(2, 24)
    np.testing.assert_array_equal(np.sort(seen), [range(24), range(24)])


def test_each_epoch_and_each_seed_has_its_own_order():
    first = _indices(batches(NumberedImages(), batch_size=24, seed=3), 2)
    other = _indices(batches(NumberedImages(), batch_size=24, seed=4), 2)
    assert len({tuple(order) for order in [*first, *other]}) == 4


def test_an_epoch_may_end_inside_a_batch():
    seen = _indices(batches(NumberedImages(), batch_size=10, seed=0), 12).ravel()
    np.testing.assert_array_equal(np.sort(seen.reshape(5, 24)), [range(24)] * 5)


def test_a_batch_may_be_larger_than_the_data_set():
    seen = batch_indices(0, batch_size=48, size=24, seed=0).numpy()
    np.testing.assert_array_equal(np.sort(seen.reshape(2, 24)), [range(24), range(24)])


def test_a_resumed_run_gets_the_batches_it_would_have_got():
    whole = _indices(batches(NumberedImages(), batch_size=10, seed=7), 9)
    rest = _indices(batches(NumberedImages(), batch_size=10, seed=7, start_step=4), 5)
    np.testing.assert_array_equal(rest, whole[4:])


def test_the_shares_of_the_replicas_make_up_the_batch():
    whole = _indices(batches(NumberedImages(), batch_size=8, seed=7, start_step=2), 4)
    shares = batches(NumberedImages(), batch_size=8, seed=7, start_step=2, num_replicas=2)
    np.testing.assert_array_equal(_indices(shares, 8).reshape(4, 8), whole)


def test_each_worker_takes_its_replicas_shares():
    whole = _indices(batches(NumberedImages(), batch_size=8, seed=7, start_step=2), 3)
    shares = whole.reshape(3, 4, 2)  # of four replicas
    for own in (range(0, 2), range(2, 4), range(3, 4)):
        elements = batches(
            NumberedImages(), batch_size=8, seed=7, start_step=2, num_replicas=4, own_replicas=own
        )
        found = _indices(elements, 3 * len(own)).reshape(3, len(own), 2)
        np.testing.assert_array_equal(found, shares[:, own.start : own.stop])


def test_images_are_scaled_to_minus_1_to_1_and_have_a_static_shape(dsprites_dataset):
    elements = batches(dsprites_dataset, batch_size=8, seed=0, num_replicas=2)
    spec = elements.element_spec["images"]
    assert (spec.shape, spec.dtype) == ((4, 64, 64, 1), tf.float32)
    images = next(iter(elements))["images"].numpy()
    indices = batch_indices(0, batch_size=8, size=dsprites_dataset.size, seed=0)[:4]
    np.testing.assert_array_equal(images, dsprites_dataset.images(indices) / 127.5 - 1.0)
    assert set(np.unique(images)) == {-1.0, 1.0}


def test_the_order_of_an_epoch_is_like_a_true_shuffle():
    size = 737_280
    first, second = (
        batch_indices(epoch, batch_size=size, size=size, seed=0).numpy() for epoch in (0, 1)
    )
    noise = 5.0 / np.sqrt(size)  # five standard deviations of the correlation of true shuffles
    assert abs(np.corrcoef(first, second)[0, 1]) < noise
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < noise
    in_sequence = np.arange(size)
    assert abs(np.corrcoef(first, in_sequence)[0, 1]) < noise


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a positive multiple of the number of replicas, 1"),
        ({"batch_size": 9, "num_replicas": 2}, "replicas, 2. Received: batch_size=9."),
        ({"batch_size": 8, "num_replicas": 0}, "num_replicas must be >= 1"),
        ({"batch_size": 8, "start_step": -1}, "start_step must be >= 0. Received: start_step=-1."),
    ],
)
def test_impossible_batches_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        batches(NumberedImages(), seed=0, **settings)


def test_a_set_whose_images_are_no_uint8_is_told_before_training():
    class Floats(NumberedImages):
        name = "floats"

        def images(self, indices):
            return super().images(indices) / np.float32(255)

    with pytest.raises(TypeError, match="'floats' must be a uint8 array.* Received: float32"):
        batches(Floats(), batch_size=8, seed=0)
