import hashlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.metrics import inception

CACHE_NAME = hashlib.sha1(b"https://tfhub.dev/tensorflow/tfgan/eval/inception/1").hexdigest()


class PoolingNetwork(tf.Module):
    """Inception's signature: its features are the mean colour, the left edge's and the right's."""

    @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3], tf.float32)])
    def __call__(self, images):
        parts = [images, images[:, :, :1], images[:, :, -1:]]
        means = [tf.reduce_mean(part, axis=[1, 2], keepdims=True) for part in parts]
        pooled = tf.concat(means, axis=-1)  # [n, 1, 1, 9]
        return {"pool_3": pooled, "logits": 2.0 * pooled[:, 0, 0, :5]}


class OtherNetwork(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3], tf.float32)])
    def __call__(self, images):
        return {"default": images}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a small SavedModel with Inception's signature."""
    path = tmp_path_factory.mktemp("hub") / CACHE_NAME
    tf.saved_model.save(PoolingNetwork(), str(path))
    return path


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)


def test_features_are_the_flattened_pool_3_and_logits(folder):
    images = np.random.default_rng(0).uniform(-1, 1, size=(5, 28, 28, 3)).astype(np.float32)
    outputs = inception.load_inception(folder).run(images)
    resized = tf.image.resize(images, [299, 299], method="bilinear").numpy()
    expected = resized.mean(axis=(1, 2), dtype=np.float64)
    assert outputs["features"].shape == (5, 9)
    np.testing.assert_allclose(outputs["features"][:, :3], expected, atol=1e-5)
    np.testing.assert_allclose(outputs["logits"], 2 * outputs["features"][:, :5], atol=1e-6)


def test_resizing_takes_the_centres_of_pixels_and_neither_flips_nor_shifts(folder):
    images = np.tile(np.linspace(-1, 1, 13, dtype=np.float32)[:, None], (1, 13, 1, 3))
    outputs = inception.load_inception(folder).run(images)
    np.testing.assert_allclose(outputs["features"][0], [0] * 3 + [-1] * 3 + [1] * 3, atol=1e-5)


def test_grey_images_are_repeated_to_three_channels(folder):
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, 28, 28, 1)).astype(np.float32)
    network = inception.load_inception(folder)
    np.testing.assert_array_equal(
        network.run(images)["features"], network.run(images.repeat(3, axis=-1))["features"]
    )


def test_images_of_two_channels_are_refused(folder):
    with pytest.raises(ValueError, match=r"1 or 3 channels. Received: shape=\(1, 8, 8, 2\)"):
        inception.load_inception(folder).run(np.zeros([1, 8, 8, 2], np.float32))


def test_the_cache_of_tensorflow_hub_is_read_when_it_is_asked_for(folder, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(folder.parent))
    assert inception.find_inception() == folder


def test_a_path_comes_before_the_cache(folder, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "/elsewhere")
    assert inception.find_inception(str(folder)) == folder


def test_the_record_says_which_network_and_how_images_reach_it(folder):
    extractor = inception.load_inception(folder)
    assert extractor.name == "inception"
    assert extractor.metric_names["frechet_classifier_distance"] == "fid"
    assert extractor.record["sha256"] == inception.sha256_of_folder(folder)
    assert extractor.record["resizing"].startswith("299x299, bilinear")


def test_the_hash_is_what_coreutils_print(folder):
    command = "find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=True)
    assert inception.sha256_of_folder(folder) == printed.stdout.decode().split()[0]


def test_the_right_hash_is_accepted_in_capitals_too(folder):
    sha256 = inception.sha256_of_folder(folder)
    assert inception.load_inception(folder, sha256=sha256.upper()).record["sha256"] == sha256


def test_another_hash_is_refused(folder):
    found = inception.sha256_of_folder(folder)
    with pytest.raises(ValueError, match=f"must have the SHA-256 abc. Received: sha256={found}"):
        inception.load_inception(folder, sha256="abc")


def test_without_inception_the_error_says_where_it_is_from_and_what_to_do_instead():
    with pytest.raises(FileNotFoundError, match=r"Received: no path.*fetch and unpack.*trained"):
        inception.load_inception()


@pytest.mark.parametrize("content", [None, "folder", "file"])
def test_a_folder_without_a_saved_model_is_named(tmp_path, content):
    path = tmp_path / "inception"
    if content == "folder":
        path.mkdir()
    if content == "file":
        path.touch()
    with pytest.raises(FileNotFoundError, match=r"inception'.*inception/saved_model\.pb"):
        inception.load_inception(path)


def test_an_empty_cache_of_tensorflow_hub_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"TFHUB_CACHE_DIR='{tmp_path}'.*{CACHE_NAME}"):
        inception.load_inception()


def test_a_saved_model_of_another_network_is_refused(tmp_path):
    tf.saved_model.save(OtherNetwork(), str(tmp_path))
    with pytest.raises(
        ValueError, match=r"must be the SavedModel.*Received: outputs \['default'\]"
    ):
        inception.load_inception(tmp_path)


def test_a_saved_model_that_cannot_be_called_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match="must be the SavedModel.*Received: .*not callable"):
        inception.load_inception(tmp_path)


def test_a_damaged_saved_model_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(ValueError, match="must be the SavedModel"):
        inception.load_inception(tmp_path)
