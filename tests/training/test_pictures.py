import numpy as np
import pytest
from PIL import Image

from ibgan_tf.training import pictures
from ibgan_tf.training.centers import traversal_centers

R_DIM = 3  # of the fake model


def _draw(model, tmp_path, **arguments):
    arguments = {
        "stem": "step-7",
        "title": "fake, step 7",
        "centers": np.zeros([2, R_DIM]),
    } | arguments
    return pictures.draw_traversals(model, tmp_path / "traversals", **arguments)


def test_draw_traversals_writes_a_picture_per_center_and_one_animation(tmp_path, fake_model):
    paths = _draw(fake_model(), tmp_path, columns=5)
    assert [path.name for path in paths] == ["step-7-1.png", "step-7-2.png", "step-7.gif"]
    assert all(path.parent == tmp_path / "traversals" for path in paths)
    with Image.open(paths[0]) as picture, Image.open(paths[2]) as animation:
        assert picture.height > R_DIM * 64
        assert animation.n_frames == 2 * (2 * 5 - 1) - 2


def test_rows_are_ordered_by_kl_and_turn_over_the_whole_range(tmp_path, fake_model):
    model = fake_model(divergences=(0.1, 0.9, 0.4))
    center = np.array([0.1, 0.2, 0.3], np.float32)
    _draw(model, tmp_path, centers=center[np.newaxis], columns=5, animate=False)
    codes = np.concatenate(model.codes).reshape([R_DIM, 5, R_DIM])
    for row, dimension in enumerate([1, 2, 0]):
        moved = codes[row, :, dimension]
        np.testing.assert_allclose(moved, [-2.0, -1.0, 0.0, 1.0, 2.0])
        others = np.delete(codes[row], dimension, axis=1)
        np.testing.assert_array_equal(others, np.tile(np.delete(center, dimension), [5, 1]))


def test_the_animated_picture_has_the_same_columns_as_the_still_one(tmp_path, fake_model):
    (still,) = _draw(fake_model(), tmp_path / "a", centers=np.zeros([1, R_DIM]), animate=False)
    moving, _ = _draw(fake_model(), tmp_path / "b", centers=np.zeros([1, R_DIM]))
    assert still.read_bytes() == moving.read_bytes()


def test_a_label_ends_in_the_dimension_s_own_note(tmp_path, monkeypatch, fake_model):
    labels = []
    monkeypatch.setattr(
        pictures.traversals,
        "traversal_picture",
        lambda images, *, row_labels, **others: labels.extend(row_labels),
    )
    _draw(
        fake_model(divergences=(0.1, 0.9, 0.4)),
        tmp_path,
        centers=np.zeros([1, R_DIM]),
        animate=False,
        notes={"r": ["scale 0.30", "position_x 0.58", ""]},
    )
    assert labels == ["r1  KL 0.90  position_x 0.58", "r2  KL 0.40", "r0  KL 0.10  scale 0.30"]


@pytest.mark.parametrize(
    ("least", "rows"), [(None, [1, 2, 0]), (0.0, [1, 2]), (0.5, [1]), (5.0, [1])]
)
def test_rows_that_carry_little_are_left_out_but_for_the_first(tmp_path, fake_model, least, rows):
    model = fake_model(divergences=(-0.1, 0.9, 0.4))
    _draw(model, tmp_path, centers=np.zeros([1, R_DIM]), columns=5, animate=False, min_nats=least)
    codes = np.concatenate(model.codes).reshape([len(rows), 5, R_DIM])
    assert [int(np.ptp(row, axis=0).argmax()) for row in codes] == rows


def test_images_are_generated_in_bounded_batches(fake_model):
    model = fake_model()
    codes = np.random.default_rng(0).normal(size=[3, 200, R_DIM]).astype(np.float32)
    images = pictures.generate_images(model.generate_from_r, codes)
    assert images.shape == (3, 200, 8, 8, 1)
    np.testing.assert_allclose(images[:, :, 0, 0, 0], codes[:, :, 0] / 4.0)
    assert max(len(batch) for batch in model.codes) <= 256


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": 1}, "columns must be >= 2. Received: columns=1"),
        ({"value_range": 0.0}, "range must be > 0 and finite. Received: range=0.0"),
        ({"seed": -1}, "seed must lie in 0..2147483647. Received: seed=-1"),
        ({"centers": np.zeros([0, R_DIM])}, "num_centers must be >= 1. Received: num_centers=0"),
        ({"value_range": float("nan")}, "range must be > 0 and finite. Received: range=nan"),
    ],
)
def test_draw_traversals_refuses_wrong_arguments(tmp_path, arguments, message, fake_model):
    with pytest.raises(ValueError, match=message):
        _draw(fake_model(), tmp_path, **arguments)


@pytest.mark.parametrize(("latent", "size"), [("z", 4), ("r", R_DIM)])
def test_draw_samples_draws_from_the_prior_of_the_latent(tmp_path, latent, size, fake_model):
    model = fake_model()
    path = pictures.draw_samples(model, tmp_path / "a.png", num_samples=10, latent=latent, seed=3)
    codes = np.concatenate(model.codes)
    assert codes.shape == (10, size)
    assert len(np.unique(codes)) == codes.size
    with Image.open(path) as image:
        assert image.size == (4 * 65 - 1, 3 * 65 - 1)  # 10 images of 8 x 8 enlarged to 64 x 64


def test_samples_of_the_prior_are_what_a_model_draws_itself(tmp_path, fake_model):
    class RandomModel(fake_model):
        def sample_images(self, latent, *, seed):
            self.seeds.append(tuple(seed.numpy()))
            return self.generate(latent)

    model = RandomModel()
    model.seeds = []
    pictures.draw_samples(model, tmp_path / "a.png", num_samples=300)
    assert len(set(model.seeds)) == len(model.seeds) == len(model.codes) == 2
    pictures.draw_samples(model, tmp_path / "a.png", num_samples=4, latent="r")
    assert len(model.seeds) == 2


def test_samples_of_the_same_seed_are_the_same(tmp_path, fake_model):
    files = [
        pictures.draw_samples(fake_model(), tmp_path / name, num_samples=4, latent="r", seed=seed)
        for name, seed in [("a.png", 0), ("b.png", 0), ("c.png", 1)]
    ]
    first, second, third = [file.read_bytes() for file in files]
    assert first == second != third


def test_draw_samples_takes_codes_in_the_place_of_the_priors(tmp_path, fake_model):
    model = fake_model()
    codes = np.random.default_rng(0).normal(size=(4, R_DIM)).astype(np.float32)
    pictures.draw_samples(model, tmp_path / "a.png", num_samples=4, latent="r", codes=codes)
    np.testing.assert_array_equal(np.concatenate(model.codes), codes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "num_samples must be >= 1. Received: num_samples=0"),
        ({"seed": 2**31}, "seed must lie in 0..2147483647. Received: seed=2147483648"),
    ],
)
def test_draw_samples_refuses_wrong_arguments(tmp_path, arguments, message, fake_model):
    with pytest.raises(ValueError, match=message):
        pictures.draw_samples(fake_model(), tmp_path / "a.png", **arguments)


def test_samples_of_an_unknown_latent_are_refused(tmp_path, fake_model):
    with pytest.raises(ValueError, match="latent must be one of: r, z. Received: latent='c'"):
        pictures.draw_samples(fake_model(), tmp_path / "a.png", latent="c")


def test_continuous_codes_are_turned_within_their_range_the_most_informative_first(
    tmp_path, fake_infogan
):
    model = fake_infogan()
    centers = traversal_centers(model, "random", num_centers=1)
    assert centers.shape == (1, 3 + 2 + 4)
    paths = _draw(model, tmp_path, centers=centers, columns=5, animate=False)
    assert [path.name for path in paths] == ["step-7-1.png", "step-7-s1.png"]
    turned = model.codes[0].reshape([2, 5, 9])
    np.testing.assert_allclose(turned[0, :, 4], [-1, -0.5, 0, 0.5, 1])  # c1 and not to 2
    np.testing.assert_allclose(turned[1, :, 3], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_array_equal(turned[0, :, 5:], np.tile(centers[:, 5:], [5, 1]))


def test_categories_have_a_picture_of_all_of_them_for_several_draws_of_the_rest(
    tmp_path, fake_infogan
):
    model = fake_infogan()
    _draw(model, tmp_path, centers=np.zeros([1, 9]), animate=False)
    codes = model.codes[-1].reshape([8, 4, 9])
    np.testing.assert_array_equal(codes[:, :, 5:], np.tile(np.eye(4), [8, 1, 1]))
    np.testing.assert_array_equal(codes[:, :1, :5], codes[:, 1:2, :5])
    assert len(np.unique(codes[:, 0, :5])) == 8 * 5


def test_samples_without_a_name_are_of_what_the_model_generates_from(tmp_path, fake_infogan):
    model = fake_infogan()
    pictures.draw_samples(model, tmp_path / "a.png", num_samples=5)
    (codes,) = model.codes
    assert codes.shape == (5, 9)
    np.testing.assert_array_equal(codes[:, 5:].sum(axis=1), np.ones(5))
