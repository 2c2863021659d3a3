import dataclasses
import json
import os

import pytest

from ibgan_tf.runs.record import (
    check_resume,
    flat_settings,
    read_record,
    read_values,
    write_record,
)


@pytest.fixture
def read(tmp_path, models, datasets):
    return lambda: read_record(tmp_path, models=models, datasets=datasets)


def change_file(folder, **changes):
    """Changes values of a config.json."""
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, **changes}))


def test_a_record_is_read_as_it_was_written(tmp_path, record, read):
    write_record(tmp_path, record)
    assert read() == record
    assert os.listdir(tmp_path) == ["config.json"]


def test_a_folder_of_runs_is_no_run_and_its_runs_are_named(tmp_path, record, read):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, record)
    with pytest.raises(FileNotFoundError, match=r"Choose one of the runs in it: first, second$"):
        read()


def test_a_folder_of_something_else_is_not_one_to_begin_a_run_in(tmp_path, read):
    (tmp_path / "cat.jpg").write_text("cat")
    with pytest.raises(FileNotFoundError, match=r"Choose the folder of a run\.$"):
        read()


def test_a_record_can_be_read_by_people(tmp_path, record):
    write_record(tmp_path, record)
    values = json.loads((tmp_path / "config.json").read_text())
    assert values["model"] == "toy"
    assert values["model_config"] == {"beta": 0.5, "widths": [8, 16, 8], "trunk": "separate"}
    assert values["data_source"] == {"source": "rendered", "sha256": "00ff"}
    assert values["options"]["steps"] == 1000


def test_a_folder_without_record_is_no_run_and_says_how_to_begin_one(tmp_path, read):
    with pytest.raises(FileNotFoundError) as error:
        read()
    assert f"Received: run_dir={tmp_path}" in str(error.value)
    assert f"python scripts/train.py --dataset=dsprites --run_dir={tmp_path}" in str(error.value)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="run_dir must be a folder"):
        read_values(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", "must have format 1"),
        ('{"format": 9}', "must have format 1. Received: format=9"),
        ('{"format": 1, "model": "toy"}', "must have .*'dataset'"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path, read, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read()


def test_a_name_that_this_version_does_not_know_is_refused(tmp_path, record, read):
    write_record(tmp_path, record)
    change_file(tmp_path, model="../../toy")
    with pytest.raises(ValueError, match="model must be one of: bare, toy"):
        read()


def test_a_setting_that_this_version_does_not_know_is_refused(tmp_path, record, read):
    write_record(tmp_path, record)
    change_file(tmp_path, model_config={"betta": 1.0})
    with pytest.raises(ValueError, match=r"Did you mean 'beta'\?"):
        read()


def test_resuming_without_changes_keeps_the_record(record):
    assert check_resume(record, {}) == record


def test_steps_may_be_raised_and_intervals_and_threads_changed(record):
    changes = {"steps": 2000, "report_every": 5, "checkpoint_every": 7, "snapshot_every": 3}
    changes |= {"threads": 2, "threads_per_operation": 1}
    changed = check_resume(record, changes)
    assert changed == dataclasses.replace(
        record, options=dataclasses.replace(record.options, **changes)
    )


def test_steps_may_not_be_lowered(record):
    with pytest.raises(
        ValueError, match="steps may only be raised. Recorded: steps=1000. Received: steps=999."
    ):
        check_resume(record, {"steps": 999})


def test_an_interval_out_of_its_range_is_refused(record):
    with pytest.raises(ValueError, match="report_every must be >= 1"):
        check_resume(record, {"report_every": 0})


@pytest.mark.parametrize(
    ("name", "value", "recorded"),
    [
        ("beta", 0.25, 0.5),
        ("widths", (8,), (8, 16, 8)),
        ("colored", False, True),
        ("seed", 1, 0),
        ("batch_size", 32, 64),
        ("precision", "bfloat16", "float32"),
        ("jit", True, False),
        ("model", "bare", "toy"),
        ("dataset", "digits", "shapes"),
        ("preset", "none", "shapes"),
        ("image_shape", (64, 64, 1), (28, 28, 1)),
    ],
)
def test_any_other_changed_setting_is_refused_by_name(record, name, value, recorded):
    with pytest.raises(ValueError) as error:
        check_resume(record, {name: value})
    assert str(error.value).startswith(
        f"{name} must stay as the run began. Recorded: {name}={recorded!r}. "
        f"Received: {name}={value!r}."
    )


def test_the_same_images_from_other_files_go_on_as_recorded(record):
    elsewhere = {"source": "official", "sha256": "00ff"}
    assert check_resume(record, {"data_source": elsewhere}) == record


def test_other_images_are_refused_with_the_flag_of_their_folder(record):
    with pytest.raises(ValueError) as error:
        check_resume(record, {"data_source": {"source": "rendered", "sha256": "11"}})
    assert str(error.value) == (
        "The images must be those that the run began with. "
        "Recorded: {'source': 'rendered', 'sha256': '00ff'}. "
        "Received: {'source': 'rendered', 'sha256': '11'}. "
        "Name their folder with --data_dir, or begin a run in another --run_dir."
    )


def test_workers_compare_the_hash_of_their_images_whatever_files_they_are_from(record):
    """The settings that `Workers.check_equal` is given."""
    same, other = (
        flat_settings(dataclasses.replace(record, data_source={"source": "zip", "sha256": sha256}))
        for sha256 in ("00ff", "11")
    )
    assert same == flat_settings(record) != other


def test_a_setting_given_as_it_is_recorded_is_accepted(record):
    given = {"beta": 0.5, "widths": [8, 16, 8], "seed": 0, "model": "toy"}
    assert check_resume(record, given) == record


def test_a_setting_that_no_run_has_is_refused_with_the_nearest(record):
    with pytest.raises(ValueError, match=r"Received: setting='bta'. Did you mean 'beta'\?"):
        check_resume(record, {"bta": 1.0})
