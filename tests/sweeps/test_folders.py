import json

import pytest

from ibgan_tf.sweeps.folders import match_folders


@pytest.fixture
def begin(tmp_path):
    """Gives a function that writes the record of a run, with some settings left out or changed."""

    def write(name, run, *, without=(), **changes):
        values = {**run.settings, **changes}
        options = ("steps", "batch_size", "seed", "threads", "checkpoint_every")
        options += ("threads_per_operation",)
        own = ("beta", "widths", "fate")
        record = {
            "format": 1,
            "preset": "none",
            "image_shape": [8, 8, 1],
            "data_source": {},
            "model": run.settings["model"],
            "dataset": run.settings["dataset"],
            "options": {n: values[n] for n in options if n not in without},
            "model_config": {n: values[n] for n in own if n not in without},
            "dataset_settings": {"colored": values["colored"]},
        }
        (tmp_path / "sweep" / name).mkdir(parents=True)
        (tmp_path / "sweep" / name / "config.json").write_text(json.dumps(record))

    return write


@pytest.fixture
def match(tmp_path, tables):
    """Gives a function that matches runs with the folders of sweep/."""
    return lambda runs: match_folders(runs, tmp_path / "sweep", **tables)


def test_runs_of_a_new_sweep_keep_their_names(plan_study, match):
    runs = plan_study("seed = [1, 2]\n")
    assert match(runs) == (runs, [])


def test_a_run_has_the_folder_with_its_settings_whatever_it_is_called(plan_study, match, begin):
    old, new = plan_study("beta = [2, 3]\n")
    begin("by-another-name", old)
    matched, others = match([old, new])
    assert [run.name for run in matched] == ["by-another-name", "toy-shapes-beta_3-seed_0"]
    assert others == []


def test_a_folder_of_no_run_of_the_study_is_named(plan_study, match, begin):
    old, new = plan_study("beta = [2, 3]\n")
    begin(old.name, old)
    assert match([new]) == ([new], [old.name])


def test_threads_that_the_sweep_chose_are_no_change_but_those_of_the_study_are(
    plan_study, match, begin
):
    (run,) = plan_study("")
    begin(run.name, run, threads=4, threads_per_operation=1)
    assert match([run]) == ([run], [])
    (given,) = plan_study("threads = 2\n")
    with pytest.raises(ValueError, match="Recorded: threads=4. Received: threads=2."):
        match([given])


def test_a_setting_that_the_record_does_not_know_yet_had_its_default(plan_study, match, begin):
    (run,) = plan_study("")
    begin(run.name, run, without=("widths", "checkpoint_every"))
    assert match([run]) == ([run], [])
    (given,) = plan_study("widths = [8]\n")
    with pytest.raises(ValueError, match="Recorded: widths=32,32. Received: widths=8."):
        match([given])


def test_every_changed_setting_is_named(plan_study, match, begin):
    (run,) = plan_study("beta = 2\ncolored = true\n")
    begin(run.name, run, beta=1.5, colored=False)
    message = (
        "Run toy-shapes-seed_0 of .*sweep was begun, and its settings must stay. Recorded: "
        "beta=1.5, colored=false. Received: beta=2.0, colored=true. Put them back, give the grid"
    )
    with pytest.raises(ValueError, match=message):
        match([run])


def test_a_name_whose_folder_holds_another_run_of_the_study_is_refused(plan_study, match, begin):
    old, new = plan_study('[[grid]]\nname = "a"\nbeta = 2\n[[grid]]\nname = "b"\nbeta = 3\n')
    begin("b", old)
    (renamed,) = plan_study("beta = 2\n")
    matched, _ = match([renamed])
    assert matched[0].name == "b"
    begin("b-seed_0", old, beta=9.0)
    with pytest.raises(ValueError, match="Run b-seed_0 of .* was begun"):
        match([old, new])
