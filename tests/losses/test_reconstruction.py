import numpy as np

from ibgan_tf.losses import reconstruction


def test_the_bernoulli_loss_sums_the_cross_entropies_of_the_pixels():
    # By hand: logits of p = 1/2, 3/4, 1/5 against pixels 1, 0, 0.5 and one certain pixel.
    logits = np.array([0.0, np.log(3.0), np.log(1 / 4), 40.0]).reshape(1, 2, 2, 1)
    images = np.array([1.0, 0.0, 0.5, 1.0]).reshape(1, 2, 2, 1)
    expected = np.log(2) + np.log(4) - 0.5 * (np.log(1 / 5) + np.log(4 / 5))
    loss = reconstruction.bernoulli_negative_log_likelihood(
        logits.astype(np.float32), images.astype(np.float32)
    )
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_the_bernoulli_loss_keeps_examples_apart_and_sums_channels():
    logits = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)
    images = np.random.default_rng(1).uniform(size=(3, 4, 5, 2)).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    expected = -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum(axis=(1, 2, 3))
    loss = reconstruction.bernoulli_negative_log_likelihood(logits, images)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_bernoulli_loss_is_least_where_the_mean_is_the_image():
    image = np.full((1, 1, 1, 1), 0.3, np.float32)
    best = np.float32(np.log(0.3 / 0.7))
    losses = [
        float(
            reconstruction.bernoulli_negative_log_likelihood(image * 0 + np.float32(logit), image)[
                0
            ]
        )
        for logit in (best - 0.1, best, best + 0.1)
    ]
    assert losses[1] < min(losses[0], losses[2])
