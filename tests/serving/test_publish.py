import contextlib
import fcntl
import os
import pathlib
import select
import signal
import subprocess
import sys

import pytest

from ibgan_tf.serving import publish, server_config

ROOT = pathlib.Path(__file__).parents[2]


def fill(folder, text="whole"):
    (folder / "variables").mkdir()
    (folder / "saved_model.pb").write_text(text)
    (folder / "variables" / "variables.index").write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def model_dir(tmp_path):
    """A model with the version 1."""
    folder = tmp_path / "models" / "small"
    with publish.publishing(folder, 1) as staging:
        fill(staging, "first")
    return folder


def test_a_version_appears_when_the_block_has_ended(model_dir):
    with publish.publishing(model_dir, 2) as staging:
        assert not staging.name.isdecimal() and staging.parent == model_dir
        fill(staging)
        assert server_config.published_versions(model_dir) == [1]
    assert names(model_dir) == ["1", "2"]
    assert names(model_dir / "2") == ["saved_model.pb", "variables"]


def test_a_version_is_on_the_disk_before_it_is_visible(model_dir, monkeypatch):
    seen = []
    fsync, rename = os.fsync, pathlib.Path.rename

    def logged_fsync(descriptor):
        seen.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def logged_rename(self, target):
        seen.append("renamed")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(pathlib.Path, "rename", logged_rename)
    with publish.publishing(model_dir, 2) as staging:
        fill(staging)
    before = seen[: seen.index("renamed")]
    for name in ("", "saved_model.pb", "variables", "variables/variables.index"):
        assert str(staging / name) in before
    assert before.index(str(staging / "variables" / "variables.index")) < before.index(str(staging))
    assert seen[-2:] == ["renamed", str(model_dir)]


def test_a_refused_version_leaves_nothing_and_the_served_one_in_place(model_dir):
    with (
        pytest.raises(ValueError, match="the gate"),
        publish.publishing(model_dir, 2) as staging,
    ):
        fill(staging)
        raise ValueError("the gate")
    assert names(model_dir) == ["1"]
    assert (model_dir / "1" / "saved_model.pb").read_text() == "first"


def test_a_refused_first_version_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="no"), publish.publishing(tmp_path / "new" / "small", 1):
        raise ValueError("no")
    assert not (tmp_path / "new" / "small").exists()


def test_a_version_that_exists_is_never_overwritten(model_dir):
    with pytest.raises(FileExistsError, match=r"version must be new.*version=1, .*which has \[1\]"):
        publish.choose_version(model_dir, 1)
    with (
        pytest.raises(FileExistsError, match="versions are never overwritten"),
        publish.publishing(model_dir, 2) as staging,
    ):
        fill(staging)
        (model_dir / "2").mkdir()  # by somebody else meanwhile
    assert names(model_dir) == ["1", "2"]
    assert names(model_dir / "2") == []


@pytest.mark.parametrize(("existing", "next_version"), [([], 1), ([3], 4), ([2, 10, 9], 11)])
def test_the_next_version_follows_the_newest(tmp_path, existing, next_version):
    for version in existing:
        (tmp_path / "small" / str(version)).mkdir(parents=True)
    assert publish.choose_version(tmp_path / "small", None) == next_version


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_a_version_is_a_number_that_servers_read(tmp_path, version):
    told = f"version must be 1 to 9223372036854775807.*Received: version={version}"
    with pytest.raises(ValueError, match=told):
        publish.choose_version(tmp_path / "small", version)


@pytest.mark.parametrize("name", ["7", "-small", "sm all", ".small", "small#", "models/../small"])
def test_names_that_are_not_a_models_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="output_dir must end with the model's name"):
        publish.choose_version(tmp_path / name, None)


def test_the_name_is_that_of_the_folder_or_of_the_run_that_it_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert publish.model_name(pathlib.Path("models/ibgan-dsprites")) == "ibgan-dsprites"
    assert publish.model_name(pathlib.Path("runs/my-run/export")) == "my-run"
    (tmp_path / "named").mkdir()
    monkeypatch.chdir(tmp_path / "named")
    assert publish.model_name(pathlib.Path(".")) == "named"


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "small").write_text("")
    with pytest.raises(NotADirectoryError, match="small"):
        publish.choose_version(tmp_path / "small", None)
    with pytest.raises(NotADirectoryError):
        publish.choose_version(tmp_path / "small" / "model", None)


def test_two_exports_at_a_time_are_refused(model_dir):
    with publish.publishing(model_dir, 2) as staging:
        fill(staging)
        with (
            pytest.raises(OSError, match="written by one export at a time. Received: output_dir="),
            publish.publishing(model_dir, 3),
        ):
            pass
        assert staging.exists()
    assert names(model_dir) == ["1", "2"]


PUBLISHER = """
import pathlib, sys
from ibgan_tf.serving import publish

folder = pathlib.Path(sys.argv[1])
print("ready", flush=True)
while True:
    with publish.publishing(folder, publish.choose_version(folder, None)) as staging:
        for number in range(20):
            (staging / str(number)).write_text("whole")
    print("published", flush=True)
"""


@contextlib.contextmanager
def publisher(folder):
    """A process that publishes one version after the other until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, folder],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("milliseconds", [0, 3, 7, 13, 29])
def test_kill_9_leaves_whole_versions_only(model_dir, milliseconds):
    with publisher(model_dir) as process:
        assert process.stdout.readline() == b"published\n"
        select.select([], [], [], milliseconds / 1000)  # any moment will do
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    versions = server_config.published_versions(model_dir)
    assert versions == list(range(1, len(versions) + 1)) and len(versions) >= 2
    assert (model_dir / "1" / "saved_model.pb").read_text() == "first"
    for version in versions[1:]:
        files = list((model_dir / str(version)).iterdir())
        assert [file.read_text() for file in files] == ["whole"] * 20
    others = set(names(model_dir)) - set(map(str, versions))
    assert all(name.startswith(".") for name in others)
    # The next export takes the lock of the dead, and removes what they left.
    with publish.publishing(model_dir, versions[-1] + 1) as staging:
        fill(staging)
    assert names(model_dir) == sorted(map(str, [*versions, versions[-1] + 1]))


def test_the_lock_is_freed_when_an_export_fails(model_dir):
    with contextlib.suppress(ValueError), publish.publishing(model_dir, 2):
        raise ValueError
    descriptor = os.open(model_dir, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
