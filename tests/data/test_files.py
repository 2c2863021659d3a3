import errno
import pathlib
import shutil

import pytest
import requests
import tensorflow as tf
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


def _raising(error: Exception, cause: Exception | None = None):
    def download_and_prepare(self):
        raise error from cause

    return download_and_prepare


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (
            RuntimeError(
                'ResourceExhaustedError: Failed to finalize writing of split "train": /a/b; '
                "No space left on device"
            ),
            tf.errors.ResourceExhaustedError(None, None, "/a/b; No space left on device"),
            "No space left on device",
        ),
        (
            OSError("Not enough disk space. Needed: 2.7 GiB (download: 1 GiB, generated: 2 GiB)"),
            None,
            "Not enough disk space. Needed: 2.7 GiB (download: 1 GiB, generated: 2 GiB)",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), None, "No space left on device"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/a/b"), None, "Disk quota exceeded: '/a/b'"),
        (
            tfds.download.DownloadError("Failed to get url"),
            OSError(errno.ENOSPC, "No space left on device"),
            "No space left on device",
        ),
    ],
    ids=["while it is written", "beforehand", "of Python", "quota", "while it is fetched"],
)
def test_a_disk_that_is_full_is_one_line_that_says_so(tmp_path, monkeypatch, error, cause, reason):
    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", _raising(error, cause))
    with pytest.raises(OSError) as caught:
        files.tfds_prepare("celeb_a", tmp_path, url="http://host")
    assert str(caught.value) == (
        f"The data cache must fit on its disk, which is full. Received: {str(tmp_path)!r} "
        f"({reason}). Free some space, or name a folder on another disk with --data_dir."
    )
    assert not isinstance(caught.value, ConnectionError)


def test_the_folder_is_there_when_tfds_asks_for_the_room_on_its_disk(tmp_path, monkeypatch):
    def ask(self):
        assert shutil.disk_usage(self._data_dir_root).free > 0

    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", ask)
    files.tfds_prepare("celeb_a", tmp_path / "new" / "tensorflow_datasets", url="http://host")


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("broken off"),
        requests.HTTPError("broken off"),
        ConnectionResetError("broken off"),
        TimeoutError("broken off"),
    ],
)
def test_a_network_that_breaks_off_is_told_as_such(tmp_path, monkeypatch, error):
    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", _raising(error))
    with pytest.raises(ConnectionError, match="must reach http://host .*Received: broken off. Che"):
        files.tfds_prepare("celeb_a", tmp_path, url="http://host")


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "Permission denied", "/a"), RuntimeError("a bug")]
)
def test_what_is_neither_of_the_network_nor_of_a_full_disk_stays_as_it_is(
    tmp_path, monkeypatch, error
):
    monkeypatch.setattr(files, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", _raising(error))
    with pytest.raises(type(error)) as caught:
        files.tfds_prepare("celeb_a", tmp_path, url="http://host")
    assert caught.value is error


def test_the_last_version_that_tfds_has_prepared_is_found(tmp_path):
    assert files.tfds_version("celeb_a", tmp_path) is None
    for version in ("incomplete.Z7K2QX_2.1.0", "2.0.1", "2.1.0"):
        (tmp_path / "celeb_a" / version).mkdir(parents=True)
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


def test_a_proxy_of_no_address_is_not_reachable(monkeypatch):
    monkeypatch.setattr("urllib.request._opener", None)  # which keeps the proxies of its first use
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: False)
    monkeypatch.setenv("http_proxy", "http://localhost:abc")
    with pytest.raises(OSError, match="nonnumeric port: 'abc'"):
        files.check_reachable("http://127.0.0.1:9")


def test_no_other_file_of_data_imports_a_network_library():
    package = pathlib.Path(files.__file__).parent
    users = {
        path.name
        for path in package.rglob("*.py")
        if any(f"import {name}" in path.read_text() for name in ("urllib", "requests", "socket"))
    }
    assert users == {"files.py"}
