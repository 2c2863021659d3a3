import dataclasses
import json
import pathlib
import shutil

import pytest

from ibgan_tf.data import DATASETS
from ibgan_tf.models import MODELS
from ibgan_tf.reporting import collecting, records
from ibgan_tf.runs import log
from ibgan_tf.runs.options import RunOptions

ROOT = pathlib.Path(__file__).parents[2]


def _names(collection):
    return [run.name for run in collection.runs]


def _problems(collection):
    return [(problem.path.name, problem.text) for problem in collection.problems]


def test_a_run_is_read_with_everything_that_it_holds(folders):
    run_dir = folders.make("a", seed=7, beta=0.5, steps=100)
    folders.log(run_dir, [50, 100])
    folders.measure(run_dir, "mig", 50, 0.25)
    collection = collecting.collect([run_dir])
    (run,) = collection.runs
    assert collection.problems == ()
    assert (run.name, run.model, run.dataset, run.preset) == (
        "a",
        "ibgan",
        "dsprites",
        "dsprites_fast",
    )
    assert run.data_source == "rendered, sha256 5559f11b"
    assert (run.seed, run.settings["beta"], run.settings["batch_size"]) == (7, 0.5, 4)
    assert [row["step"] for row in run.rows] == [50, 100]
    assert [measured.score for measured in run.measurements] == [0.25]
    assert run.done and run.last_step == 100
    assert run.hours == pytest.approx(100 / 2.0 / 3600)


def test_rows_of_something_else_take_no_time(folders):
    run_dir = folders.make("a")
    log.append_row(run_dir, {"step": 0, "data_source": {"source": "rendered"}})
    log.append_row(run_dir, {"step": 50, "steps_per_second": 2.0})
    log.append_row(run_dir, {"step": 50, "metrics/mig": 0.5})
    assert collecting.collect([run_dir]).runs[0].hours == pytest.approx(50 / 2.0 / 3600)
    log.append_row(run_dir, {"step": 100})
    assert collecting.collect([run_dir]).runs[0].hours is None  # the speed of its steps is unknown


def test_an_older_record_has_the_values_of_settings_that_came_later(folders):
    old = folders.make("old", model="infogan")
    new = folders.make("new", model="infogan", seed=2)
    config = new / "config.json"
    config.write_text(
        config.read_text().replace('"model_config": {', '"model_config": {"generator_updates": 1,')
    )
    runs = collecting.collect([old, new]).runs
    assert runs[0].compared_settings() == runs[1].compared_settings()


@pytest.mark.parametrize(("optimizer", "epsilon"), [("rmsprop", 1e-16), ("adam", 1e-8)])
def test_an_epsilon_of_none_is_the_number_of_older_records(folders, optimizer, epsilon):
    runs = [folders.make(name, model="gan", seed=seed) for seed, name in enumerate(("old", "new"))]
    for run_dir, value in zip(runs, (epsilon, None), strict=True):
        path = run_dir / "config.json"
        record = json.loads(path.read_text())
        record["model_config"] |= {"optimizer": optimizer, "epsilon": value}
        path.write_text(json.dumps(record))
    old, new = collecting.collect(runs).runs
    assert old.compared_settings() == new.compared_settings()


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("results/*/config.json")), ids=lambda p: p.parent.name
)
def test_a_committed_record_has_every_setting_that_is_compared(path):
    (run,) = collecting.collect([path.parent]).runs
    kinds = (
        RunOptions,
        MODELS[run.model].config_class,
        DATASETS[run.dataset].settings_class,
    )
    known = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert known - records.NOT_COMPARED == set(run.compared_settings())


def test_a_run_of_a_model_that_this_version_does_not_know_is_read(folders):
    assert collecting.collect([folders.make("a", model="not_yet_written")]).runs[0].hours is None


def test_a_run_that_is_given_twice_is_read_once(folders):
    run_dir = folders.make("a")
    assert _names(collecting.collect([run_dir, f"{run_dir}/", run_dir.parent / "." / "a"])) == ["a"]


def test_runs_of_the_same_name_are_told_apart_by_their_paths(folders):
    run_dirs = [folders.make("one/a", seed=1), folders.make("two/a", seed=2)]
    assert _names(collecting.collect(run_dirs)) == [str(run_dir) for run_dir in run_dirs]


def test_what_is_damaged_is_named_and_the_rest_is_kept(folders):
    run_dir = folders.make("a")
    folders.log(run_dir, [50, 100])
    folders.measure(run_dir, "mig", 50, 0.25)
    folders.measure(run_dir, "dci", 50, 0.25).write_text('{"metric": "dci"')
    (run_dir / "environment.json").write_text("{")
    (run_dir / "log.jsonl").write_text("garbage\n" + (run_dir / "log.jsonl").read_text())
    collection = collecting.collect([run_dir])
    (run,) = collection.runs
    assert [measured.procedure.metric for measured in run.measurements] == ["mig"]
    assert run.rows == () and run.segments == ()
    (log, log_text), (environment, _), (metric, metric_text) = _problems(collection)
    assert (log, environment, metric) == ("log.jsonl", "environment.json", "dci.json")
    assert "line 1, b'garbage'" in log_text
    assert metric_text.startswith("A metric file must be JSON. Received: ")


def test_rows_without_a_step_are_left_out(folders):
    run_dir = folders.make("a")
    lines = ['{"step": 1}', "3", '{"step": "2"}', '{"loss": 1.0}', '{"step": 4, "lo']
    (run_dir / "log.jsonl").write_text("\n".join(lines))
    assert collecting.collect([run_dir]).runs[0].rows == ({"step": 1},)


def test_folders_and_files_that_are_no_runs_are_named(folders, tmp_path):
    (tmp_path / "train.log").write_text("")
    (tmp_path / "empty").mkdir()
    odd = folders.make("odd")
    values = json.loads((odd / "config.json").read_text())
    (odd / "config.json").write_text(json.dumps(values | {"options": 3}))
    paths = [tmp_path / "train.log", tmp_path / "empty", odd, tmp_path / "missing"]
    collection = collecting.collect([*paths, folders.make("a")])
    assert _names(collection) == ["a"]
    texts = dict(_problems(collection))
    assert list(texts) == ["train.log", "empty", "odd", "missing"]
    assert "must have options as names and values. Received: options=3" in texts["odd"]
    assert all("\n" not in text for text in texts.values())


def test_no_run_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match=f"must be a run. Received: {tmp_path}. The first one: "):
        collecting.collect([tmp_path])
    with pytest.raises(ValueError, match="must be a run. Received: none."):
        collecting.collect([])


def test_a_copy_of_a_run_is_doubted(folders):
    run_dir = folders.make("a", seed=1)
    shutil.copytree(run_dir, folders.root / "copy")
    other = folders.make("b", seed=2)
    collection = collecting.collect([run_dir, other, folders.root / "copy"])
    assert _names(collection) == ["a", "b", "copy"]
    ((name, text),) = _problems(collection)
    assert name == "copy" and text.startswith("it has the settings and the seed of a;")


def test_a_folder_of_runs_stands_for_the_runs_in_it(folders):
    for seed in (1, 2):
        folders.make(f"sweep/seed-{seed}", seed=seed)
    (folders.root / "sweep" / "journal.jsonl").write_text("{}\n")
    (folders.root / "sweep" / "logs").mkdir()
    alone = folders.make("alone", seed=3)
    collection = collecting.collect([folders.root / "sweep", alone])
    assert _names(collection) == ["seed-1", "seed-2", "alone"] and collection.problems == ()


def test_a_run_that_holds_other_runs_is_one_run(folders):
    run_dir = folders.make("a")
    folders.make("a/copy", seed=2)
    assert _names(collecting.collect([run_dir])) == ["a"]
