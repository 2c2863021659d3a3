import itertools

import numpy as np
import pytest
from scipy import stats

from ibgan_tf.data import DATASETS, base
from ibgan_tf.data.batches import batch_indices, batches
from ibgan_tf.data.color_dsprites import LEVELS, ColorDSprites, uniform_of

NUM_SPRITES = 737_280


@pytest.fixture(scope="module")
def by_levels(dsprites_dataset):
    return ColorDSprites()


@pytest.fixture(scope="module")
def continuous(dsprites_dataset):
    return ColorDSprites(definition="continuous")


def _colors(images: np.ndarray) -> np.ndarray:
    """Returns the colour of each sprite, [n, 3]; a sprite's pixels all have it."""
    return images.max(axis=(1, 2))


def test_by_levels_it_is_the_grid_of_512_colours_and_all_sprites(by_levels):
    assert DATASETS["color_dsprites"] is ColorDSprites
    assert isinstance(by_levels, base.FactorDataset)
    assert by_levels.size == 512 * NUM_SPRITES == 377_487_360
    assert by_levels.image_shape == (64, 64, 3)
    assert by_levels.factor_sizes == (512, 3, 6, 40, 32, 32)
    assert by_levels.factor_names[:2] == ("color", "shape")


def test_the_levels_are_eight_equal_steps_from_black_to_full(by_levels):
    # 255 * k / 7: 0, 36.43, 72.86, 109.29, 145.71, 182.14, 218.57, 255.
    assert LEVELS.tolist() == [0, 36, 73, 109, 146, 182, 219, 255]


def test_an_image_is_a_sprite_in_its_colour_on_black(by_levels, dsprites_dataset):
    sprite, color = 300_000, 3 * 64 + 0 * 8 + 7
    (image,) = by_levels.images([color * NUM_SPRITES + sprite])
    mask = dsprites_dataset.images([sprite])[0, ..., 0] > 0
    assert (image[mask] == [109, 0, 255]).all() and not image[~mask].any()
    (factors,) = by_levels.factors([color * NUM_SPRITES + sprite])
    assert factors[0] == color
    np.testing.assert_array_equal(factors[1:], dsprites_dataset.factors([sprite])[0])


def test_one_colour_of_512_is_black_and_all_differ(by_levels):
    colors = _colors(by_levels.images(np.arange(512) * NUM_SPRITES + 5))
    assert len(np.unique(colors, axis=0)) == 512
    assert not colors[0].any() and colors[1:].any(axis=1).all()


def test_three_colour_factors_are_the_same_images_in_the_same_order(by_levels):
    channels = ColorDSprites(color_factors=3)
    assert channels.factor_names[:4] == ("red", "green", "blue", "shape")
    assert channels.factor_sizes == (8, 8, 8, 3, 6, 40, 32, 32)
    assert channels.size == by_levels.size
    indices = np.random.default_rng(0).integers(channels.size, size=50)
    np.testing.assert_array_equal(channels.images(indices), by_levels.images(indices))
    factors = channels.factors(indices)
    np.testing.assert_array_equal(LEVELS[factors[:, :3]], _colors(channels.images(indices)))
    np.testing.assert_array_equal(channels.index(factors), indices)


def test_continuous_colours_leave_the_factors_of_dsprites(continuous, dsprites_dataset):
    assert continuous.size == NUM_SPRITES
    assert continuous.factor_names == dsprites_dataset.factor_names
    assert continuous.factor_sizes == dsprites_dataset.factor_sizes
    indices = [7, 70_000, 700_000]
    images = continuous.images(indices)
    shown = np.where(images > 0, 255, 0)
    np.testing.assert_array_equal(shown, np.repeat(dsprites_dataset.images(indices), 3, axis=3))
    noise = [[0.0, 0.5, 1.0 - 1e-9]] * 3  # 0.5, 0.75 and 1 of 255
    assert (_colors(continuous.images(indices, noise)) == [128, 191, 255]).all()


def test_continuous_colours_are_uniform_and_independent():
    values = uniform_of(np.arange(20_000))
    assert values.shape == (20_000, 3)
    assert min(stats.kstest(channel, "uniform").pvalue for channel in values.T) > 1e-3
    successors = np.concatenate([values[1:], values[:-1]], axis=1)
    correlation = np.corrcoef(successors.T) - np.eye(6)
    assert abs(correlation).max() < 5.0 / np.sqrt(20_000)
    np.testing.assert_array_equal(uniform_of(np.array([19_999])), values[-1:])


def test_splitmix_gives_its_published_first_outputs():
    # Of the seed 0, as in the reference implementation of its authors: e220a8397b1dcdaf, ...
    first = np.array([0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F], np.uint64)
    np.testing.assert_array_equal(uniform_of(np.array([0]))[0], (first >> np.uint64(11)) * 2.0**-53)


def _first(dataset, count, **settings):
    elements = batches(dataset, **{"batch_size": 6, "seed": 1, **settings})
    return np.concatenate(
        [
            np.rint((element["images"].numpy() + 1.0) * 127.5)
            for element in itertools.islice(elements, count)
        ]
    )


def test_in_training_a_colour_is_a_function_of_seed_and_step(continuous):
    images = _first(continuous, 4)
    np.testing.assert_array_equal(_first(continuous, 2, start_step=2), images[12:])
    np.testing.assert_array_equal(_first(continuous, 8, num_replicas=2), images)
    indices = np.concatenate(
        [batch_indices(step, batch_size=6, size=NUM_SPRITES, seed=1) for step in range(4)]
    )
    fixed = continuous.images(indices)
    np.testing.assert_array_equal(images > 0, fixed > 0)  # the sprites of the data order
    colors = _colors(images)
    assert colors.min() >= 128 and len(np.unique(colors, axis=0)) == 24
    assert (colors != _colors(fixed)).any(axis=1).all()


def test_in_the_next_epoch_an_image_has_another_colour(continuous, monkeypatch):
    monkeypatch.setattr(continuous, "size", 6)
    images = _first(continuous, 2)
    first, second = (
        part[np.lexsort((part > 0).reshape(6, -1).T)] for part in (images[:6], images[6:])
    )
    np.testing.assert_array_equal(first > 0, second > 0)
    assert (_colors(first) != _colors(second)).any(axis=1).all()


def test_the_data_order_covers_all_colours_and_sprites_evenly(by_levels):
    size, count = by_levels.size, 40_000
    indices = batch_indices(0, batch_size=count, size=size, seed=0).numpy()
    assert len(np.unique(indices)) == count and indices.min() >= 0 and indices.max() < size
    color, sprite = np.divmod(indices, NUM_SPRITES)
    assert stats.kstest(indices / size, "uniform").pvalue > 1e-3
    assert stats.kstest(sprite / NUM_SPRITES, "uniform").pvalue > 1e-3
    assert stats.chisquare(np.bincount(color, minlength=512)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"definition": "level"}, "levels, continuous. Received: .*Did you mean 'levels'"),
        ({"color_factors": 2}, "color_factors must be one of: 1, 3. Received: color_factors=2."),
        ({"split": "test"}, "split must be one of: train. Received: split='test'"),
    ],
)
def test_other_settings_and_splits_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ColorDSprites(**settings)
