import re

import numpy as np
import pytest

from ibgan_tf.data import base, dsprites_official, sprites

SIZES = (2, 2, 3, 2, 1)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Random images uint8 [24, 64, 64] of 0 and 1, and the classes int64 [24, 6] of a grid."""
    images = np.random.default_rng(0).integers(0, 2, [24, 64, 64], np.uint8)
    factors = base.factors_from_index(np.arange(24), SIZES)
    return images, np.concatenate([np.zeros([24, 1], np.int64), factors], axis=1)


def _unpacked(packed: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed, axis=1).reshape(-1, 64, 64)


def test_the_archive_is_packed_in_its_order(tmp_path, monkeypatch):
    images, classes = _grid()
    monkeypatch.setattr(dsprites_official, "_ROWS", 10)
    metadata = np.array({"author": "never read"}, dtype=object)
    path = tmp_path / "official.npz"
    np.savez_compressed(path, imgs=images, latents_classes=classes, metadata=metadata)
    chunks = list(dsprites_official.archive_images(path, factor_sizes=SIZES))
    assert [len(chunk) for chunk in chunks] == [10, 10, 4]
    np.testing.assert_array_equal(_unpacked(np.concatenate(chunks)), images)


def test_the_packed_form_is_the_renderer_s():
    packed = sprites.render_combination(2, 3, 4)
    images = _unpacked(packed)
    np.testing.assert_array_equal(dsprites_official.pack(images, origin="here"), packed)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 1), (23, 5)])
def test_an_archive_in_another_order_is_refused(tmp_path, row, column):
    images, classes = _grid()
    classes[row, column] += 1
    np.savez(tmp_path / "official.npz", imgs=images, latents_classes=classes)
    with pytest.raises(
        ValueError, match=r"official.npz' must hold every combination of the factors"
    ):
        list(dsprites_official.archive_images(tmp_path / "official.npz", factor_sizes=SIZES))


def test_an_archive_of_grey_images_is_refused(tmp_path):
    images, classes = _grid()
    np.savez(tmp_path / "official.npz", imgs=255 * images, latents_classes=classes)
    message = "must be uint8 [n, 64, 64] of 0 and 1. Received: uint8 [24, 64, 64], up to 255."
    with pytest.raises(ValueError, match=re.escape(message)):
        list(dsprites_official.archive_images(tmp_path / "official.npz", factor_sizes=SIZES))


def _examples(order: np.ndarray) -> list[dict[str, np.ndarray]]:
    """The images of `_grid` in batches of 10 as TFDS gives them."""
    images, classes = _grid()
    batches = np.split(order, range(10, len(order), 10))
    return [
        {"image": images[batch][..., None]}
        | {label: classes[batch, 1 + k] for k, label in enumerate(dsprites_official.LABELS)}
        for batch in batches
    ]


def test_shuffled_examples_are_put_in_the_official_order():
    order = np.random.default_rng(1).permutation(24)
    packed = dsprites_official.pack_examples(_examples(order), factor_sizes=SIZES)
    np.testing.assert_array_equal(_unpacked(packed), _grid()[0])


@pytest.mark.parametrize(
    ("order", "received"),
    [
        (np.arange(23), "1 missing, 0 more than once"),
        (np.append(np.arange(23), 0), "1 missing, 1 more than once"),
        (np.append(np.arange(24), 0), "0 missing, 1 more than once"),
    ],
)
def test_examples_that_are_missing_or_repeated_are_refused(order, received):
    with pytest.raises(
        ValueError, match=f"every combination of the factors once. Received: {received}"
    ):
        dsprites_official.pack_examples(_examples(order), factor_sizes=SIZES)


def test_an_example_of_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match=r"scale must lie in 0..0. Received: scale=1"):
        dsprites_official.pack_examples(_examples(np.arange(24)), factor_sizes=(2, 1, 3, 2, 1))


def test_chunks_are_all_the_rows_in_order():
    packed = np.arange(2500, dtype=np.int16)[:, None]
    chunks = list(dsprites_official.in_chunks(packed))
    assert [len(chunk) for chunk in chunks] == [1024, 1024, 452]
    np.testing.assert_array_equal(np.concatenate(chunks), packed)
