import pathlib

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import download_manager

from ibgan_tf.data import dsprites_official, files


def _no_network(url: str) -> None:
    raise OSError("Name or service\nnot known")


def test_without_a_network_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "check_reachable", _no_network)
    with pytest.raises(
        OSError, match="The network must reach http://host to fetch dsprites"
    ) as caught:
        next(files.tfds_batches("dsprites", tmp_path, url="http://host"))
    assert "\n" not in str(caught.value)
    assert "Received: Name or service not known. Check the connection" in str(caught.value)


def test_a_download_that_breaks_off_is_one_clear_line(tmp_path, monkeypatch):
    def break_off(self):
        raise tfds.download.DownloadError("Failed to get url. HTTP code: 404")

    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", break_off)
    with pytest.raises(OSError, match=r"Received: Failed to get url. HTTP code: 404. Check"):
        next(files.tfds_batches("dsprites", tmp_path, url="http://host"))


def test_a_page_that_says_why_not_is_one_clear_line(tmp_path, monkeypatch):
    def another_file(self):
        raise download_manager.NonMatchingChecksumError(
            "Artifact https://drive has\nwrong checksum"
        )

    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", another_file)
    with pytest.raises(OSError, match=r"Received: Artifact https://drive has wrong checksum. C"):
        files.tfds_prepare("celeb_a", tmp_path, url="http://host")


def test_the_last_version_that_tfds_has_prepared_is_found(tmp_path):
    assert files.tfds_version("celeb_a", tmp_path) is None
    for version in ("2.0.1", "2.1.0", "2.2.0.incompleteABC"):
        (tmp_path / "celeb_a" / version).mkdir(parents=True)
        if "incomplete" not in version:
            (tmp_path / "celeb_a" / version / "dataset_info.json").touch()
    assert files.tfds_version("celeb_a", tmp_path) == tmp_path / "celeb_a" / "2.1.0"


def test_tfds_gives_the_images_and_the_labels_that_are_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    with tfds.testing.mock_data(num_examples=5):
        found = list(files.tfds_batches("dsprites", tmp_path, url="http://host", batch_size=3))
    assert [len(batch["image"]) for batch in found] == [3, 2]
    assert found[0]["image"].shape == (3, 64, 64, 1)
    assert all(batch[label].ndim == 1 for batch in found for label in dsprites_official.LABELS)


def test_a_host_that_refuses_is_not_reachable():
    with pytest.raises(OSError, match="refused"):
        files.check_reachable("http://127.0.0.1:9")


def test_no_other_file_of_data_imports_a_network_library():
    package = pathlib.Path(files.__file__).parent
    users = {
        path.name
        for path in package.rglob("*.py")
        if any(f"import {name}" in path.read_text() for name in ("urllib", "requests", "socket"))
    }
    assert users == {"files.py"}
