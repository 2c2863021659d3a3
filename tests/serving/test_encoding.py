import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.config import setting
from ibgan_tf.serving import encoding


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    level: int = setting(3, "What is added.")


class Images:
    """Seventy images of noise."""

    settings_class = Settings
    image_shape, size = (64, 64, 1), 70
    source = "drawn"
    sha256 = "00"

    def __init__(self, data_dir=None, *, level):
        self.data_dir, self.level = data_dir, level

    def images(self, indices):
        draws = [np.random.default_rng(i).integers(250, size=(64, 64, 1)) for i in indices]
        return np.stack(draws).astype(np.uint8) + np.uint8(self.level)


@pytest.fixture(autouse=True)
def dsprites(monkeypatch):
    monkeypatch.setitem(encoding.DATASETS, "dsprites", Images)


@pytest.fixture
def export_dir(published, tmp_path):
    """A copy whose card names a data set with settings."""
    path = shutil.copytree(published.path, tmp_path / "small" / "1")
    card_path = path / "assets.extra" / "model_card.json"
    values = json.loads(card_path.read_text()) | {"dataset_settings": {"level": 5}}
    card_path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("representation", ["r_mean", "z_mean"])
def test_an_export_gives_the_codes_of_its_run(published, export_dir, representation):
    found = encoding.encode_dataset(export_dir, representation=representation, data_dir="there")
    images = Images(level=5).images(range(70))
    assert found.dataset.level == 5 and found.dataset.data_dir == "there"
    wanted = published.run.model.represent(
        tf.constant(images, tf.float32) / 127.5 - 1.0, representation
    )
    assert np.std(wanted) > 0.01
    np.testing.assert_allclose(found.codes, wanted, atol=1e-5)
    np.testing.assert_array_equal(found.indices, np.arange(70))
    assert found.provenance["representation"] == representation
    assert found.provenance["step"] == 7 and found.provenance["version"] == 1
    assert found.provenance["data_source"] == {"source": "drawn", "sha256": "00"}


def test_some_images_are_encoded_by_the_representation_of_the_paper(export_dir):
    chosen = np.array([69, 3])
    some = encoding.encode_dataset(export_dir, choose_images=lambda dataset: chosen)
    assert some.provenance["representation"] == "r_mean" and some.codes.shape == (2, 3)
    every = encoding.encode_dataset(export_dir)
    np.testing.assert_allclose(some.codes, every.codes[chosen], atol=1e-5)
    assert some.provenance["num_images"] == 2 and "num_images" not in every.provenance


def test_an_unknown_representation_is_refused(export_dir):
    with pytest.raises(ValueError, match="representation must be one of: r_mean, z_mean. Received"):
        encoding.encode_dataset(export_dir, representation="r_sampled")


def test_an_export_that_can_not_encode_is_refused(export_dir):
    card_path = export_dir / "assets.extra" / "model_card.json"
    values = json.loads(card_path.read_text())
    del values["signatures"]["encode"]
    card_path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="The export must have the signature encode"):
        encoding.encode_dataset(export_dir)


def test_results_go_beside_the_version_which_nothing_may_change(tmp_path):
    folder = encoding.results_folder(tmp_path / "small" / "12")
    assert folder == tmp_path / "small" / "metrics" / "version-12"
