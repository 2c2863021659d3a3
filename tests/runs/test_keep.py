"""The small record of a run holds what load_run needs, and no optimizers."""

import dataclasses
import json
import pathlib

import pytest

from ibgan_tf.runs import keep
from ibgan_tf.runs.record import write_record


@pytest.fixture
def run_dir(tmp_path, record):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    write_record(run_dir, record)
    (run_dir / "log.jsonl").write_text('{"step": 1}\n')
    for step in (10, 20):
        for name in (
            f"weights/step-{step}/generator.weights.h5",
            f"samples/step-{step}.png",
            f"traversals/step-{step}-1.png",
            f"metrics/step-{step}/mig.json",
            f"metrics/step-{step}/afterwards/weights/step-5/reconstructor.weights.h5",
            f"metrics/step-{step}/codes-r_mean-training.npy",
            f"checkpoints/ckpt-{step}.index",
        ):
            (run_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (run_dir / name).write_text(f"{step}")
    return run_dir


def test_a_record_has_the_chosen_steps_alone_and_no_checkpoints(run_dir, tmp_path):
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    kept = {str(p.relative_to(tmp_path / "kept")) for p in (tmp_path / "kept").rglob("*.*")}
    assert kept == {
        ".gitignore",
        "config.json",
        "log.jsonl",
        "weights/step-20/generator.weights.h5",
        "samples/step-20.png",
        "traversals/step-20-1.png",
        "metrics/step-20/mig.json",
        "metrics/step-20/afterwards/weights/step-5/reconstructor.weights.h5",
    }


def test_keeping_again_replaces_the_steps_and_leaves_a_readme(run_dir, tmp_path):
    keep.keep_run(run_dir, tmp_path / "kept", steps=[10])
    (tmp_path / "kept" / "README.md").write_text("what can be seen")
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    for folder in ("weights", "metrics"):
        assert [p.name for p in (tmp_path / "kept" / folder).iterdir()] == ["step-20"]
    assert [p.name for p in (tmp_path / "kept" / "samples").iterdir()] == ["step-20.png"]
    assert (tmp_path / "kept" / "README.md").read_text() == "what can be seen"
    assert json.loads((tmp_path / "kept" / "log.jsonl").read_text()) == {"step": 1}


def test_a_run_that_goes_on_is_not_kept_as_done(run_dir, tmp_path):
    (run_dir / "DONE").write_text("20 steps\n")
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    assert (tmp_path / "kept" / "DONE").read_text() == "20 steps\n"
    (run_dir / "DONE").unlink()
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    assert not (tmp_path / "kept" / "DONE").exists()


def test_a_keep_that_met_a_full_disk_at_its_first_file_can_be_repeated(
    run_dir, tmp_path, monkeypatch
):
    def write_half(source, target):
        pathlib.Path(target).write_text(pathlib.Path(source).read_text()[:9])
        raise OSError(28, "No space left on device", str(target))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(keep.shutil, "copy2", write_half)
        keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    assert (tmp_path / "kept" / "weights" / "step-20").exists()


def test_a_keep_that_was_killed_at_its_first_file_can_be_repeated(run_dir, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / ".tmp-0123").write_text("{")
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    assert not (tmp_path / "kept" / ".tmp-0123").exists()


def test_a_step_without_a_snapshot_is_refused_with_those_there_are(run_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"snapshots \[10, 20\].*Received: \[30\]"):
        keep.keep_run(run_dir, tmp_path / "kept", steps=[20, 30])
    assert not (tmp_path / "kept").exists()


def test_a_record_of_another_run_is_refused_and_kept(run_dir, tmp_path, record):
    other = dataclasses.replace(record, options=dataclasses.replace(record.options, seed=77))
    (tmp_path / "kept").mkdir()
    write_record(tmp_path / "kept", other)
    before = (tmp_path / "kept" / "config.json").read_bytes()
    with pytest.raises(FileExistsError, match="which holds something else"):
        keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["config.json"]
    assert (tmp_path / "kept" / "config.json").read_bytes() == before


def test_a_record_of_the_same_run_with_more_steps_is_replaced(run_dir, tmp_path, record):
    keep.keep_run(run_dir, tmp_path / "kept", steps=[10])
    longer = dataclasses.replace(record, options=dataclasses.replace(record.options, steps=999))
    write_record(run_dir, longer)
    keep.keep_run(run_dir, tmp_path / "kept", steps=[20])
    assert json.loads((tmp_path / "kept" / "config.json").read_text())["options"]["steps"] == 999


def test_a_folder_of_anything_else_is_refused(run_dir, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(FileExistsError, match="which holds something else"):
        keep.keep_run(run_dir, tmp_path / "photos", steps=[20])
    with pytest.raises(FileExistsError, match="must be another folder than run_dir"):
        keep.keep_run(run_dir, run_dir, steps=[20])
