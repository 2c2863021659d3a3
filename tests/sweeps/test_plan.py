import re

import pytest

from ibgan_tf.sweeps import plan
from ibgan_tf.sweeps.plan import StudyError


def evaluation_mistakes(runs, tables):
    """Returns the mistakes of a study's evaluations."""
    with pytest.raises(StudyError) as caught:
        plan.check_evaluations(runs, **tables)
    return caught.value.lines


def lines_of(plan_study, text, **options):
    """Returns the mistakes of a study, without its path."""
    with pytest.raises(StudyError) as caught:
        plan_study(text, **options)
    return [re.sub(r"^.*?study.toml, ", "", line) for line in caught.value.lines]


def test_every_combination_is_a_run_and_the_first_seed_of_all_comes_first(plan_study):
    runs = plan_study("seed = [101, 102]\n[[grid]]\nbeta = [0, 0.25, 0.5, 0.75, 1]\n")
    expected = [
        f"toy-shapes-beta_{beta}-seed_{seed}"
        for seed in (101, 102)
        for beta in ("0", "0.25", "0.5", "0.75", "1")
    ]
    assert [run.name for run in runs] == expected
    assert runs[6].given["beta"] == 0.25 and runs[6].given["seed"] == 102


def test_a_run_has_every_setting_given_or_not(plan_study):
    (run,) = plan_study("beta = 2\nseed = 3\n")
    assert run.settings["beta"] == 2.0 and isinstance(run.settings["beta"], float)
    assert (run.settings["model"], run.settings["dataset"]) == ("toy", "shapes")
    assert run.settings["widths"] == [32, 32] and run.settings["colored"] is False
    assert run.settings["checkpoint_every"] == 1000
    assert "checkpoint_every" not in run.given


def test_models_and_data_sets_can_be_axes_and_so_can_true_and_false(plan_study):
    common = "[common]\nsteps = 3\nbatch_size = 4\n"
    runs = plan_study(
        'model = ["toy", "other"]\ndataset = ["shapes", "digits"]\ncolored = [true, false]\n',
        common=common,
    )
    names = [run.name for run in runs]
    assert len(names) == 8
    assert names[:2] == ["toy-shapes-colored_true-seed_0", "toy-shapes-colored_false-seed_0"]
    assert names[-1] == "other-digits-colored_false-seed_0"


def test_a_setting_that_is_a_list_has_lists_for_an_axis(plan_study):
    (run,) = plan_study("widths = [8, 16]\n")
    assert run.settings["widths"] == [8, 16] and run.name == "toy-shapes-seed_0"
    runs = plan_study("widths = [[8], [8, 16]]\n")
    assert [run.settings["widths"] for run in runs] == [[8], [8, 16]]
    assert [run.name for run in runs] == [
        "toy-shapes-widths_8-seed_0",
        "toy-shapes-widths_8-16-seed_0",
    ]


def test_a_grid_with_a_name_begins_the_names_of_its_runs_with_it(plan_study):
    runs = plan_study('[[grid]]\nname = "light"\nbeta = [0.1, 0.2]\n[[grid]]\nbeta = 3\n')
    assert [run.name for run in runs] == [
        "light-beta_0.1-seed_0",
        "light-beta_0.2-seed_0",
        "toy-shapes-seed_0",
    ]


def test_runs_that_are_equal_in_every_setting_are_one(plan_study):
    runs = plan_study("[[grid]]\nbeta = [1, 1.0, 2]\n[[grid]]\nbeta = 2\n")
    assert [run.name for run in runs] == ["toy-shapes-beta_1-seed_0", "toy-shapes-beta_2-seed_0"]


def test_two_runs_of_one_name_are_refused_with_what_they_differ_in(plan_study):
    (line,) = lines_of(plan_study, "[[grid]]\nbeta = 2\n[[grid]]\nbeta = 3\n")
    assert line == (
        "Two runs would have the name toy-shapes-seed_0, and differ in beta. "
        "Give one of their grids a name: name = ..."
    )


def test_all_mistakes_are_told_at_once_each_with_the_first_of_its_runs(plan_study):
    lines = lines_of(
        plan_study,
        "seed = [1, 2]\n"
        "[[grid]]\nbeta = [1, -1]\n"
        "[[grid]]\nbtea = 2\n"
        '[[grid]]\nname = "text"\nbeta = "0.5"\n'
        '[[grid]]\nname = "empty"\nbeta = []\n',
    )
    assert lines == [
        "[[grid]] 1, run toy-shapes-beta_-1-seed_1 and 1 more: beta must be >= 0. "
        "Received: beta=-1.0.",
        "[[grid]] 2, run toy-shapes-seed_1 and 1 more: Unknown setting 'btea' of toy on shapes. "
        "Did you mean 'beta'? See: python scripts/train.py --model=toy --dataset=shapes --help",
        "[[grid]] 3, run text-seed_1 and 1 more: beta must be a number. Received: beta='0.5'.",
        "[[grid]] 4: beta must have one value or more. Received: beta=[].",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 0\n", "steps must be >= 1. Received: steps=0."),
        ("steps = 2.5\n", "steps must be a whole number. Received: steps=2.5."),
        ('dataset = "shpaes"\n', "Received: dataset='shpaes'. Did you mean 'shapes'?"),
        ('model = ["toy", "otehr"]\n', "Received: model='otehr'. Did you mean 'other'?"),
        ("model = 5\n", "model must be a text. Received: model=5."),
        ('preset = "paper"\n', "preset must be one of: none. Received: preset='paper'."),
        ('fate = "wel"\n', "fate must be one of: well, fails, waits, deaf. Received: fate='wel'."),
        ('run_dir = "x"\n', "Unknown setting 'run_dir' of toy on shapes."),
    ],
)
def test_a_wrong_value_is_told_as_train_tells_it(plan_study, text, message):
    names = {line.split(" = ")[0] for line in text.splitlines()}
    common = {"model": '"toy"', "dataset": '"shapes"', "steps": "3", "batch_size": "4"}
    lines = [f"{name} = {value}\n" for name, value in common.items() if name not in names]
    (line,) = lines_of(plan_study, "", common="[common]\n" + "".join(lines) + text)
    assert message in line


@pytest.mark.parametrize(("missing", "name"), [("dataset", "dataset"), ("steps", "steps")])
def test_what_is_missing_is_to_be_added_to_the_study(plan_study, missing, name):
    common = {"model": '"toy"', "dataset": '"shapes"', "steps": "3", "batch_size": "4"}
    lines = [f"{name} = {value}\n" for name, value in common.items() if name != missing]
    (line,) = lines_of(plan_study, "", common="[common]\n" + "".join(lines))
    assert line.endswith(f"Add {name} = ... to the study.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('metrics = ["factor_vea"]', "metric='factor_vea'. Did you mean 'factor_vae'?"),
        ('protocols = ["ibgna"]', "protocol='ibgna'. Did you mean 'ibgan'?"),
    ],
)
def test_an_unknown_metric_or_protocol_is_told_before_anything_starts(
    plan_study, tables, text, message
):
    (line,) = evaluation_mistakes(plan_study(f"[evaluate]\n{text}\n"), tables)
    assert line.startswith("[evaluate], run toy-shapes-seed_0: ") and message in line


def test_a_metric_that_some_runs_can_never_have_is_told_before_anything_starts(plan_study, tables):
    text = 'dataset = ["shapes", "digits"]\nseed = [1, 2]\n[evaluate]\nmetrics = ["mig"]\n'
    common = '[common]\nmodel = "toy"\nsteps = 3\nbatch_size = 4\n'
    (line,) = evaluation_mistakes(plan_study(text, common=common), tables)
    assert line == (
        "[evaluate], run toy-digits-seed_1 and 1 more: metric 'mig' can't be computed for this "
        "run. The data set must have factors. Received: dataset='digits'."
    )


def test_of_a_group_of_metrics_every_run_has_what_it_can(plan_study, tables):
    text = 'dataset = ["shapes", "digits"]\n[evaluate]\nmetrics = ["all"]\n'
    common = '[common]\nmodel = "toy"\nsteps = 3\nbatch_size = 4\n'
    plan.check_evaluations(plan_study(text, common=common), **tables)


def test_one_run_of_two_grids_that_measure_other_things_is_refused(plan_study):
    (line,) = lines_of(
        plan_study,
        '[[grid]]\nevaluate.metrics = "mig"\n[[grid]]\nevaluate.metrics = "dci"\n',
    )
    assert line.startswith("toy-shapes-seed_0 is the run of two grids, whose [grid.evaluate]")


def test_settings_that_vary_are_those_that_any_two_runs_differ_in(plan_study):
    runs = plan_study(
        'seed = [1, 2]\n[[grid]]\nbeta = [1, 2]\n[[grid]]\nname = "b"\ncolored = true\n'
    )
    assert plan.varying(runs) == ["seed", "beta", "colored"]
