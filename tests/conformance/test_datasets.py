"""What every entry of DATASETS must do."""

import itertools
import re
import struct

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf import config
from ibgan_tf.data import DATASETS, DOWNLOADS, base, celeba, chairs3d
from ibgan_tf.data.batches import batch_indices, batches


def _write_digits(folder, name):
    """Writes the four files of MNIST in their published sizes, with random pixels."""
    rng = np.random.default_rng(0)
    (folder / name).mkdir()
    for prefix, count in (("train", 60_000), ("t10k", 10_000)):
        for suffix, shape, top in (
            ("images-idx3-ubyte", (count, 28, 28), 256),
            ("labels-idx1-ubyte", (count,), 10),
        ):
            header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
            array = rng.integers(0, top, shape, np.uint8)
            (folder / name / f"{prefix}-{suffix}").write_bytes(header + array.tobytes())


def _write_pictures(folder, name, write):
    """Writes 90 pictures of a set as they are published, or of any set."""
    paths = {
        "celeba": [f"img_align_celeba/{i:06d}.jpg" for i in range(1, 91)],
        "chairs3d": [
            f"rendered_chairs/{i:02d}/renders/{j}.png" for i in range(15) for j in "012345"
        ],
        "image_folder": [f"{i:02d}.png" for i in range(90)],
    }
    sizes = {"celeba": (178, 218), "chairs3d": (600, 600), "image_folder": (70, 80)}
    write([folder / path for path in paths[name]], sizes[name])


# How to write the folder of a set that isn't made from nothing.
DIGITS, PICTURES = ("mnist", "fashion_mnist"), ("celeba", "chairs3d", "image_folder")


@pytest.fixture(scope="module", autouse=True)
def _fewer_pictures():
    """Shrinks the sets of pictures to 90 of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(celeba, "COUNTS", {"train": 90, "validation": 0, "test": 0})
        patch.setattr(chairs3d, "NUM_CHAIRS", 15)
        patch.setattr(chairs3d, "NUM_VIEWS", 6)
        yield


@pytest.fixture(scope="module", params=sorted(DATASETS))
def name(request):
    """The name of a data set."""
    return request.param


@pytest.fixture(scope="module")
def data_dir(name, tmp_path_factory, write_pictures):
    """The folder of the data set: written here, or None for the user's cache."""
    if name not in DIGITS + PICTURES:
        return None
    folder = tmp_path_factory.mktemp(name)
    if name in DIGITS:
        _write_digits(folder, name)
    else:
        _write_pictures(folder, name, write_pictures)
    return folder


@pytest.fixture(scope="module")
def dataset(name, data_dir):
    """The data set with its default settings."""
    return DATASETS[name](data_dir)


@pytest.fixture(scope="module")
def labelled_dataset(dataset):
    """The data set, where it knows the classes of its images."""
    if not isinstance(dataset, base.LabelledDataset):
        pytest.skip(f"{dataset.name} has no labels")
    return dataset


@pytest.fixture(scope="module")
def indices(dataset):
    """The first and last index and some between, in no order and one of them twice."""
    drawn = np.random.default_rng(0).integers(dataset.size, size=60)
    return np.array([dataset.size - 1, 0, *drawn, drawn[0]])


@pytest.fixture(scope="module")
def factor_dataset(dataset):
    """The data set, where it knows the factors of its images."""
    if not isinstance(dataset, base.FactorDataset):
        pytest.skip(f"{dataset.name} has no factors")
    return dataset


def test_it_offers_what_a_data_set_offers(dataset, name):
    assert isinstance(dataset, base.ImageDataset)
    assert dataset.name == name
    height, width, channels = dataset.image_shape
    assert height == width and height in (28, 32, 64) and channels in (1, 3)
    assert dataset.size > 0


def test_its_source_is_named_and_its_hash_is_a_sha256(dataset):
    assert re.fullmatch(r"[a-z0-9_]+", dataset.source)
    assert re.fullmatch(r"[0-9a-f]{64}", dataset.sha256)


def test_its_settings_survive_json_and_have_help_texts(dataset):
    settings_class = dataset.settings_class
    settings = settings_class()
    assert config.from_json(settings_class, config.to_json(settings)) == settings
    for field in settings_class.__dataclass_fields__.values():
        assert field.metadata["help"]


def test_images_are_bytes_of_the_image_shape(dataset, indices):
    images = dataset.images(indices)
    assert images.shape == (len(indices), *dataset.image_shape)
    assert images.dtype == np.uint8
    assert len(np.unique(images)) > 1


def test_an_image_depends_on_its_index_alone(dataset, indices):
    images = dataset.images(indices)
    np.testing.assert_array_equal(dataset.images(indices[::-1]), images[::-1])
    np.testing.assert_array_equal(dataset.images([int(indices[5])])[0], images[5])
    np.testing.assert_array_equal(images[-1], images[2])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > len(images) // 2


def test_opened_again_it_has_the_same_images(dataset, name, data_dir, indices):
    again = DATASETS[name](data_dir)
    assert (again.source, again.sha256, again.size) == (
        dataset.source,
        dataset.sha256,
        dataset.size,
    )
    np.testing.assert_array_equal(again.images(indices), dataset.images(indices))


def test_no_indices_give_no_images(dataset):
    assert dataset.images([]).shape == (0, *dataset.image_shape)


def test_an_index_out_of_range_is_refused_with_the_range(dataset):
    for index in (-1, dataset.size):
        message = rf"indices must lie in 0\.\.{dataset.size - 1}. Received: index={index}"
        with pytest.raises(ValueError, match=message):
            dataset.images([0, index])


def test_every_combination_of_factors_has_one_image(factor_dataset):
    sizes = factor_dataset.factor_sizes
    assert len(factor_dataset.factor_names) == len(sizes) == len(set(factor_dataset.factor_names))
    assert np.prod(sizes) == factor_dataset.size


def test_factors_lead_back_to_their_index(factor_dataset, indices):
    factors = factor_dataset.factors(indices)
    assert factors.shape == (len(indices), len(factor_dataset.factor_sizes))
    assert factors.dtype == np.int64
    assert np.all(factors >= 0) and np.all(factors < factor_dataset.factor_sizes)
    np.testing.assert_array_equal(factor_dataset.index(factors), indices)


def test_the_last_factor_is_the_fastest(factor_dataset):
    steps = factor_dataset.factors(np.arange(factor_dataset.factor_sizes[-1] + 1))
    assert np.all(steps[:-1, :-1] == 0)
    np.testing.assert_array_equal(steps[:-1, -1], np.arange(factor_dataset.factor_sizes[-1]))
    assert steps[-1, -1] == 0 and steps[-1, -2] == 1


def test_a_factor_out_of_range_is_refused_by_name(factor_dataset):
    factors = np.zeros([1, len(factor_dataset.factor_sizes)], np.int64)
    factors[0, 1] = factor_dataset.factor_sizes[1]
    factor = factor_dataset.factor_names[1]
    with pytest.raises(ValueError, match=f"{factor} must lie in 0.*Received: {factor}="):
        factor_dataset.index(factors)


def test_labels_are_classes_by_index(labelled_dataset, indices):
    labels = labelled_dataset.labels(indices)
    assert (labels.shape, labels.dtype) == ((len(indices),), np.int64)
    assert labels.min() >= 0 and labels.max() < labelled_dataset.num_classes
    assert len(labelled_dataset.class_names) == labelled_dataset.num_classes
    np.testing.assert_array_equal(labelled_dataset.labels(indices[::-1]), labels[::-1])
    with pytest.raises(ValueError, match=r"indices must lie in 0\.\."):
        labelled_dataset.labels([labelled_dataset.size])


def test_its_batches_are_its_images_from_minus_1_to_1_in_an_order_of_their_own(dataset):
    elements = batches(dataset, batch_size=6, seed=1, start_step=2, num_replicas=2)
    spec = elements.element_spec["images"]
    assert (spec.shape, spec.dtype) == ((3, *dataset.image_shape), tf.float32)
    shares = [element["images"].numpy() for element in itertools.islice(elements, 4)]
    for step in (2, 3):
        indices = batch_indices(step, batch_size=6, size=dataset.size, seed=1).numpy()
        expected = dataset.images(indices) / np.float32(127.5) - np.float32(1.0)
        found = np.concatenate(shares[2 * (step - 2) : 2 * (step - 2) + 2])
        np.testing.assert_array_equal(found, expected)
        assert found.min() >= -1.0 and found.max() <= 1.0


def test_an_unknown_split_is_refused(name):
    with pytest.raises(ValueError, match="split must be one of: .*Received: split='tain'"):
        DATASETS[name](split="tain")


def test_a_file_as_its_folder_is_refused_in_one_line(name, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="data_dir must be a folder") as caught:
        DATASETS[name](tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_only_data_sets_can_be_downloaded():
    assert set(DOWNLOADS) <= set(DATASETS)
