import dataclasses
import json
import pathlib

from ibgan_tf.data import DATASETS
from ibgan_tf.models import MODELS
from ibgan_tf.reporting import collecting, grouping
from ibgan_tf.reporting.records import ReportedRun
from ibgan_tf.sweeps import plan, study

ROOT = pathlib.Path(__file__).parents[2]


def _runs(*run_dirs):
    return collecting.collect(run_dirs).runs


def _grouped(runs):
    return [(group.label, [run.name for run in group.runs]) for group in grouping.group_runs(runs)]


def test_runs_that_differ_in_their_seed_alone_are_one_group(folders):
    runs = _runs(folders.make("a", seed=1), folders.make("b", seed=2))
    assert _grouped(runs) == [("", ["a", "b"])]


def test_how_fast_and_how_often_makes_no_difference(folders):
    changed = {"threads": 3, "report_every": 7, "steps_per_call": 1, "device": "cpu", "jit": True}
    runs = _runs(folders.make("a", seed=1), folders.make("b", seed=2, steps=200, **changed))
    assert _grouped(runs) == [("", ["a", "b"])]


def test_groups_are_named_by_what_differs_and_sorted_by_its_size(folders):
    runs = _runs(
        folders.make("a", beta=1.0),
        folders.make("b", beta=0.25, widths=(8, 16)),
        folders.make("c", beta=0.25),
        folders.make("d", beta=0.25, seed=2),
    )
    assert _grouped(runs) == [
        ("beta=0.25, widths=32,32", ["c", "d"]),
        ("beta=0.25, widths=8,16", ["b"]),
        ("beta=1.0, widths=32,32", ["a"]),
    ]


def test_models_are_grouped_apart_and_their_settings_not_compared(folders):
    runs = _runs(folders.make("a", beta=4.0, model="beta_vae"), folders.make("b", beta=0.1))
    groups = grouping.group_runs(runs)
    assert [(group.model, group.label) for group in groups] == [("beta_vae", ""), ("ibgan", "")]


def test_a_setting_that_an_older_run_does_not_have_is_a_difference(folders):
    old, new = folders.make("old"), folders.make("new")
    values = json.loads((old / "config.json").read_text())
    del values["model_config"]["beta"]
    (old / "config.json").write_text(json.dumps(values))
    groups = _grouped(_runs(new, old))
    assert groups == [("beta not recorded", ["old"]), ("beta=0.141", ["new"])]


def test_common_settings_are_those_of_every_run(folders):
    run_dirs = [folders.make("a", model="toy", beta=1.0), folders.make("b", model="toy")]
    common = grouping.common_settings(_runs(*run_dirs))
    assert common == {
        "colored": False,
        "batch_size": 4,
        "precision": "float32",
        "widths": [32, 32],
    }


def test_a_sweep_is_of_runs_that_differ_in_beta_and_seed_alone(folders):
    run_dirs = [
        folders.make("a", beta=0.0),
        folders.make("b", beta=0.5),
        folders.make("c", beta=0.5, seed=2),
        folders.make("d", beta=1),
        folders.make("wide", beta=2.0, widths=(64, 64)),
        folders.make("vae", beta=4.0, model="beta_vae"),
    ]
    for run_dir in run_dirs:
        folders.log(run_dir, [100])
    unfinished = folders.make("unfinished", beta=0.75)
    folders.log(unfinished, [50])
    (sweep,) = grouping.sweeps(_runs(*run_dirs, unfinished))
    assert [run.name for run in sweep] == ["a", "b", "c", "d"]


def _planned(path):
    """Returns the runs of a study as if they were trained."""
    planned = plan.plan_runs(study.read_study(path), models=MODELS, datasets=DATASETS)
    return [
        ReportedRun(
            name=run.name,
            path=pathlib.Path(run.name),
            model=run.settings["model"],
            dataset=run.settings["dataset"],
            preset="",
            data_source="",
            settings=run.settings,
            rows=({"step": run.settings["steps"]},),
            measurements=(),
            segments=(),
            done=True,
        )
        for run in planned
    ]


def test_the_study_of_figure_3_is_one_sweep_with_all_its_betas():
    runs = _planned(ROOT / "results" / "studies" / "beta.toml")
    (sweep,) = grouping.sweeps(runs)
    assert {run.settings["beta"] for run in sweep} == {0, 0.071, 0.141, 0.212, 0.5, 1}
    assert len(sweep) == len(runs) == 18


def test_runs_with_another_schedule_of_beta_are_another_sweep(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(
        '[common]\nmodel = "ibgan"\ndataset = "dsprites"\npreset = "dsprites_fast"\n'
        "[[grid]]\nbeta = 0\nbeta_start = 0\nbeta_hold_steps = 0\nbeta_steps = 0\n"
        '[[grid]]\nname = "other"\nbeta = [0, 0.5]\nbeta_steps = 100\n'  # not 0 from the first step
        "[[grid]]\nbeta = [0.5, 1]\nbeta_steps = 200\n"
    )
    found = [
        [(run.settings["beta"], run.settings["beta_steps"]) for run in sweep]
        for sweep in grouping.sweeps(_planned(path))
    ]
    assert found == [[(0, 100), (0.5, 100)], [(0, 0), (0.5, 200), (1, 200)]]


def test_one_value_of_beta_is_no_sweep(folders):
    assert grouping.sweeps(_runs(folders.make("a"), folders.make("b", seed=2))) == []


def _tuned(folders):
    """Groups of runs that differ in four settings: two usual ones at other betas, and a change."""
    changed = {"widths": (8, 8), "batch_size": 8, "precision": "bfloat16"}
    return _runs(
        folders.make("a", beta=0.5),
        folders.make("b", beta=0.25),
        folders.make("c", beta=0.25, **changed),
        folders.make("d", beta=0.25, seed=2),
    )


def test_groups_that_differ_in_many_settings_are_called_by_letters(folders):
    groups = grouping.group_runs(_tuned(folders))
    assert [(group.label, [run.name for run in group.runs]) for group in groups] == [
        ("A", ["b", "d"]),
        ("B", ["a"]),
        ("C", ["c"]),
    ]
    assert all(group.abbreviated for group in groups)


def test_where_each_group_has_a_preset_of_its_own_that_is_its_name(folders):
    runs = [
        dataclasses.replace(run, preset=preset)
        for run, preset in zip(_tuned(folders), ("fast", "slow", "large", "slow"), strict=True)
    ]
    groups = grouping.group_runs(runs)
    assert [(group.label, group.text) for group in groups] == [
        ("slow", "settings slow"),
        ("fast", "settings fast"),
        ("large", "settings large"),
    ]
    runs[3] = dataclasses.replace(runs[3], preset="large")  # one group has two
    assert [group.label for group in grouping.group_runs(runs)] == ["A", "B", "C"]


def test_letters_go_on_from_one_model_to_the_next(folders):
    others = [
        folders.make("x", model="gan"),
        folders.make("y", model="gan", beta=1.0, widths=(8,), batch_size=8, precision="bfloat16"),
    ]
    runs = [*_tuned(folders), *_runs(*others)]
    assert [group.label for group in grouping.group_runs(runs)] == ["A", "B", "C", "D", "E"]


def test_the_usual_settings_are_those_of_most_groups_and_changes_are_from_them(folders):
    groups = grouping.group_runs(_tuned(folders))
    usual = grouping.usual_settings(groups)
    assert usual == {
        "batch_size": 4,
        "precision": "float32",
        "beta": 0.25,
        "widths": [32, 32],
    }
    assert [grouping.settings_text(grouping.changes(group, usual)) for group in groups] == [
        "",
        "beta=0.5",
        "batch_size=8, precision=bfloat16, widths=8,8",
    ]


def test_letters_go_on_after_the_last():
    letters = grouping._letters()
    assert [next(letters) for _ in range(28)][-3:] == ["Z", "AA", "AB"]
