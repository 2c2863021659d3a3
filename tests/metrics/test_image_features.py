import numpy as np
import pytest

from ibgan_tf.metrics import image_features


def extractor(run):
    """Returns an extractor that computes features by a function."""
    return image_features.FeatureExtractor(name="test", run=run, batch_size=2, record={})


def means(images):
    return {"features": images.mean(axis=(1, 2))}


def test_features_of_all_batches_are_joined_in_order():
    images = np.linspace(-1, 1, 5 * 4 * 3, dtype=np.float32).reshape(5, 2, 2, 3)
    found = image_features.extract(extractor(means), iter([images[:2], images[2:4], images[4:]]))
    np.testing.assert_array_equal(found.features, images.mean(axis=(1, 2)))
    assert found.logits is None


def test_logits_are_joined_too():
    network = extractor(lambda images: means(images) | {"logits": images[:, 0, 0]})
    images = np.linspace(-1, 1, 4 * 12, dtype=np.float32).reshape(4, 2, 2, 3)
    found = image_features.extract(network, [images[:3], images[3:]])
    np.testing.assert_array_equal(found.logits, images[:, 0, 0])


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="must be images"):
        image_features.extract(extractor(means), [])


@pytest.mark.parametrize("shape", [(2, 2, 3), (0, 2, 2, 3)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape \[n, h, w, c\]"):
        image_features.check_images(np.zeros(shape))


@pytest.mark.parametrize("value", [255.0, -1.1, np.nan])
def test_images_out_of_range_are_refused(value):
    images = np.zeros([2, 2, 2, 1])
    images[1, 1, 1] = value
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\]"):
        image_features.check_images(images)
