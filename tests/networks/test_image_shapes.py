import pytest

from ibgan_tf.networks import image_shapes


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3)])
def test_the_side_of_images_that_a_network_takes_is_returned(shape):
    assert image_shapes.check(shape, sides=(28, 64)) == shape[0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((32, 32, 1), "must be square with a side of one of 28, 64 pixels."),
        ((64, 28, 1), "must be square with a side of one of 28, 64 pixels."),
        ((64, 64, 2), "must have 1 channel or 3."),
        ((64, 64, 4), "must have 1 channel or 3."),
    ],
)
def test_other_images_are_refused_with_their_shape(shape, message):
    with pytest.raises(ValueError) as caught:
        image_shapes.check(shape, sides=(28, 64))
    assert str(caught.value) == f"image_shape {message} Received: image_shape={shape}"
