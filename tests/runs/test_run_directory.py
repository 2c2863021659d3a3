import os

import pytest

from ibgan_tf.runs import run_directory
from ibgan_tf.runs.run_directory import create, default_run_dir, lock, read_record, read_segments

COMMAND = ["scripts/train.py", "--dataset=shapes", "--run_dir=my run"]


def test_a_new_run_holds_its_record_command_and_environment(tmp_path, record, models, datasets):
    run_dir = tmp_path / "runs" / "new"
    create(run_dir, record, command=COMMAND)
    assert sorted(os.listdir(run_dir)) == ["command.txt", "config.json", "environment.json"]
    assert read_record(run_dir, models=models, datasets=datasets) == record
    command = (run_dir / "command.txt").read_text()
    assert command == "scripts/train.py --dataset=shapes '--run_dir=my run'\n"
    assert [segment["step"] for segment in read_segments(run_dir)] == [0]


def test_a_run_begins_in_an_empty_folder_that_is_locked(tmp_path, record):
    with lock(tmp_path):
        create(tmp_path, record, command=COMMAND)
    assert (tmp_path / "config.json").exists()


def test_a_folder_that_holds_a_run_is_refused_and_resuming_offered(tmp_path, record):
    create(tmp_path, record, command=COMMAND)
    before = (tmp_path / "environment.json").read_bytes()
    with pytest.raises(FileExistsError, match="Add --resume .* or choose another --run_dir"):
        create(tmp_path, record, command=COMMAND)
    assert (tmp_path / "environment.json").read_bytes() == before


def _files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("made", ["DONE", "weights/step-5/generator.weights.h5"])
def test_a_kept_record_neither_goes_on_nor_is_resuming_offered(tmp_path, record, made):
    run_directory.create(tmp_path, record, command=["train.py"])
    path = tmp_path / made
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("kept")
    before = _files(tmp_path)
    with pytest.raises(FileNotFoundError, match="a record without them"):
        run_directory.check_goes_on(tmp_path)
    with pytest.raises(FileExistsError, match=r"\. Choose another --run_dir\.$"):
        run_directory.check_new(tmp_path)
    assert _files(tmp_path) == before
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "ckpt-5.index").write_text("")
    run_directory.check_goes_on(tmp_path)


def test_a_run_killed_between_its_first_snapshot_and_checkpoint_goes_on(tmp_path, record):
    run_directory.create(tmp_path, record, command=["train.py"])
    (tmp_path / "weights" / "step-5").mkdir(parents=True)
    (tmp_path / "events").mkdir()
    run_directory.check_goes_on(tmp_path)


@pytest.mark.parametrize("folders", [("events",), ("events", "checkpoints", "weights/step-5")])
def test_a_log_past_the_first_checkpoint_without_one_does_not_go_on(tmp_path, record, folders):
    run_directory.create(tmp_path, record, command=["train.py"])
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    for step in (0, 900, 1000):  # checkpoint_every, whose row comes before the checkpoint
        run_directory.append_row(tmp_path, {"step": step})
    run_directory.check_goes_on(tmp_path)
    run_directory.append_row(tmp_path, {"step": 1001})
    before = _files(tmp_path)
    with pytest.raises(FileNotFoundError, match="a record without them.*is left as it is"):
        run_directory.check_goes_on(tmp_path)
    assert _files(tmp_path) == before


def test_a_folder_that_holds_anything_else_is_refused_and_kept(tmp_path, record):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be empty or missing.*'thesis.txt'"):
        create(tmp_path, record, command=COMMAND)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused_and_kept(tmp_path, record):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="run_dir must be a folder"):
        create(tmp_path / "file", record, command=COMMAND)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_record_is_written_last(tmp_path, record, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(run_directory, "write_record", fail)
    with pytest.raises(OSError, match="No space left"):
        create(tmp_path, record, command=COMMAND)
    assert sorted(os.listdir(tmp_path)) == ["command.txt", "environment.json"]


def test_a_run_killed_at_its_birth_can_begin_again(tmp_path, record):
    (tmp_path / "command.txt").write_text("train.py")
    (tmp_path / "environment.json").write_text("[{")
    (tmp_path / ".tmp-0123").write_text("{")
    with lock(tmp_path):
        create(tmp_path, record, command=COMMAND)
    names = [".lock", "command.txt", "config.json", "environment.json"]
    assert sorted(os.listdir(tmp_path)) == names


def test_the_usual_folder_is_named_by_model_dataset_and_time():
    run_dir = default_run_dir(model="ibgan", dataset="dsprites", time="20260131-120000")
    assert run_dir == os.path.join("runs", "ibgan-dsprites-20260131-120000")


def test_a_name_that_could_leave_the_folder_of_runs_is_refused():
    with pytest.raises(ValueError, match="dataset must be made of letters"):
        default_run_dir(model="ibgan", dataset="../../etc", time="now")
