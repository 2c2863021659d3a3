import ast
import dataclasses
import pathlib
import sys

from absl import flags

from ibgan_tf import command_line, config, run_flags
from ibgan_tf.sweeps.commands import Scripts, evaluation_flags
from ibgan_tf.sweeps.study import Evaluation

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = Scripts(folder=pathlib.Path("/s"), threads=4, data_dir="/data")


def test_train_has_the_settings_that_were_given_as_its_flags(plan_study, tables):
    (run,) = plan_study(
        'beta = 2e-5\nwidths = [8, 16]\ncolored = true\nseed = 3\nprecision = "bfloat16"\n'
    )
    program, script, *arguments = SCRIPTS.train(run, "/sweep/run")
    assert (program, script) == (sys.executable, "/s/train.py")
    assert arguments[-2:] == ["--data_dir=/data", "--run_dir=/sweep/run"]

    values = flags.FlagValues()
    argv = ["train.py", *arguments]
    run_flags.define_flags(argv, **tables, flag_values=values)
    command_line.parse_flags(argv, flag_values=values)
    read = run_flags.explicit_flags(flag_values=values)
    assert read == {**run.given, "widths": (8, 16), "threads": 4}


def test_threads_of_the_study_are_kept(plan_study):
    (run,) = plan_study("threads = 1\n")
    assert [a for a in SCRIPTS.train(run, "r") if "threads" in a] == ["--threads=1"]


def test_a_resumed_run_has_its_own_settings_and_the_threads_of_now(plan_study):
    (run,) = plan_study("beta = 2\n")
    command = SCRIPTS.resume(run, "/sweep/run")
    assert command[2:] == ("--resume", "--threads=4", "--data_dir=/data", "--run_dir=/sweep/run")
    all_cores = dataclasses.replace(SCRIPTS, threads=None)  # of a run that was begun beside others
    assert all_cores.resume(run, "/sweep/run")[3] == "--threads=0"
    (run,) = plan_study("threads = 1\n")
    assert [a for a in SCRIPTS.resume(run, "r") if "threads" in a] == []


def test_evaluate_is_called_for_each_step_and_seed_with_what_is_not_as_usual():
    evaluation = Evaluation(
        metrics=("mig", "sap"), settings="fast", step=("500", "last"), seed=(0, 7)
    )
    found = SCRIPTS.evaluate(evaluation, "r")
    shared = (sys.executable, "/s/evaluate.py", "--metrics=mig,sap", "--settings=fast")
    assert found == tuple(
        (*shared, *own, "--data_dir=/data", "--run_dir=r")
        for own in (("--step=500",), ("--step=500", "--seed=7"), (), ("--seed=7",))
    )
    assert SCRIPTS.evaluate(None, "r") == ()


def test_the_folder_of_inception_is_the_same_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluation = Evaluation(metrics=("fid",), inception_path="inception")
    (command,) = SCRIPTS.evaluate(evaluation, "r")
    assert f"--inception_path={tmp_path / 'inception'}" in command
    # The journal tells by these what was evaluated, wherever the sweep was begun.
    assert evaluation_flags(evaluation) == [("--metrics=fid", "--inception_path=inception")]


def test_the_users_folder_of_inception_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (command,) = SCRIPTS.evaluate(Evaluation(metrics=("fid",), inception_path="~/inception"), "r")
    assert "--inception_path=/home/me/inception" in command


def test_an_evaluation_has_the_flags_of_the_script_with_their_defaults():
    tree = ast.parse((ROOT / "scripts" / "evaluate.py").read_text(encoding="utf-8"))
    defined = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "define_flag":
            defaults = [k.value.value for k in node.keywords if k.arg == "default"]
            defined[node.args[0].value] = (defaults or [None])[0]
    own = {field.name: field.default for field in dataclasses.fields(Evaluation)}
    assert {n: d and config.to_text(d) for n, d in own.items()} == {
        n: d if d is None else config.to_text(d) for n, d in defined.items() if n in own
    }


def test_threads_limit_evaluations_by_the_environment():
    assert set(SCRIPTS.evaluation_environment().values()) == {"4"}
    assert "TF_NUM_INTRAOP_THREADS" in SCRIPTS.evaluation_environment()
    assert dataclasses.replace(SCRIPTS, threads=None).evaluation_environment() == {}
