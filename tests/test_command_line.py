import dataclasses
import json
import pathlib
import subprocess
import sys
import types

import pytest
from absl import flags

from ibgan_tf import command_line, config
from ibgan_tf.config import setting

ROOT = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig:
    beta: float = setting(1.0, "Weight of the bound.")
    widths: tuple[int, ...] = setting((32, 32), "Widths.")
    trunk: str = setting("separate", "Trunk.", choices=("separate", "shared"))
    normalize: bool = setting(True, "Normalise.")
    limit: float | None = setting(None, "Limit.")

    def __post_init__(self):
        config.check_choices(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherConfig:
    gamma: float = setting(2.0, "Another weight.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShapesSettings:
    colored: bool = setting(False, "Coloured.")


PRESET = types.SimpleNamespace(config=ToyConfig(beta=0.5), steps=1000, batch_size=64, source="")
TABLES = {
    "models": {
        "ibgan": types.SimpleNamespace(config_class=ToyConfig, presets={"shapes": PRESET}),
        "other": types.SimpleNamespace(config_class=OtherConfig, presets={}),
    },
    "datasets": {"shapes": types.SimpleNamespace(settings_class=ShapesSettings)},
}


def parse(*arguments):
    """Returns the flags of a training script after parsing the arguments."""
    values = flags.FlagValues()
    argv = ["scripts/train.py", *arguments]
    command_line.define_flags(argv, **TABLES, flag_values=values)
    command_line.parse_flags(argv, flag_values=values)
    return values


def given(*arguments):
    """Returns the settings that the arguments give."""
    return command_line.explicit_flags(flag_values=parse(*arguments))


def run(main, *arguments, define=None, flag_values=None):
    """Returns the exit code of a script."""
    with pytest.raises(SystemExit) as end:
        command_line.run_main(
            main,
            ["scripts/train.py", *arguments],
            define=define,
            flag_values=flags.FlagValues() if flag_values is None else flag_values,
        )
    return end.value.code


def run_train(*arguments):
    """Returns the exit code of a training script that does nothing."""
    values = flags.FlagValues()

    def define(argv):
        command_line.define_flags(argv, **TABLES, flag_values=values)

    def main(_):
        command_line.resolve_run(command_line.explicit_flags(flag_values=values), **TABLES)

    return run(main, *arguments, define=define, flag_values=values)


def test_only_what_was_given_is_explicit():
    assert given("--dataset=shapes", "--beta=0.25") == {"dataset": "shapes", "beta": 0.25}


def test_flags_have_the_types_of_their_settings():
    values = given(
        "--dataset=shapes",
        "--steps=5",
        "--beta=2",
        "--widths=8,16",
        "--trunk=shared",
        "--nonormalize",
        "--colored",
        "--limit=none",
    )
    assert values == {
        "dataset": "shapes",
        "steps": 5,
        "beta": 2.0,
        "widths": (8, 16),
        "trunk": "shared",
        "normalize": False,
        "colored": True,
        "limit": None,
    }
    assert isinstance(values["beta"], float)


@pytest.mark.parametrize(
    "arguments", [["--model=other", "--gamma=3"], ["--model", "other", "-gamma", "3"]]
)
def test_the_flags_are_those_of_the_chosen_model(arguments):
    assert given(*arguments) == {"model": "other", "gamma": 3.0}


def test_the_choice_of_a_model_is_found_after_flags_with_values_of_their_own():
    assert given("--steps", "5", "--model", "other", "--gamma", "3")["gamma"] == 3.0


def test_flags_of_places_are_not_settings():
    values = parse("--run_dir=here", "--data_dir=there", "--dataset=shapes")
    assert (values.run_dir, values.data_dir, values.resume) == ("here", "there", False)
    assert command_line.explicit_flags(flag_values=values) == {"dataset": "shapes"}


def test_flags_can_come_from_a_file(tmp_path):
    (tmp_path / "flags").write_text("--model=other\n--gamma=5\n")
    assert given(f"--flagfile={tmp_path}/flags") == {"model": "other", "gamma": 5.0}


def test_a_resumed_run_has_the_flags_of_its_model(tmp_path):
    fields = ("options", "model_config", "dataset_settings", "image_shape", "data_source")
    values = dict.fromkeys(fields, {})
    names = {"model": "other", "dataset": "shapes", "preset": "none"}
    (tmp_path / "config.json").write_text(json.dumps({"format": 1, **names, **values}))
    assert given("--resume", f"--run_dir={tmp_path}", "--gamma=3") == {"gamma": 3.0}


def error_of(capsys):
    """Returns what a script printed as its error: one line."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.strip()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--bta=1", "Unknown flag --bta. Did you mean --beta?"),
        ("--btch_size=1", "Unknown flag --btch_size. Did you mean --batch_size?"),
        ("--nonormalise", "Unknown flag --nonormalise. Did you mean --nonormalize?"),
        (
            "--gamma=1",
            "--gamma must go with --model=other. Received: --model=ibgan --dataset=shapes.",
        ),
        (
            "-gamma=1",
            "--gamma must go with --model=other. Received: --model=ibgan --dataset=shapes.",
        ),
        ("--xyzzy=1", "Unknown flag --xyzzy. See --help."),
        ("--steps=many", "steps must be a whole number. Received: steps='many'."),
        ("--beta=nan", "beta must be finite. Received: beta=nan."),
        ("--widths=8,x", "widths[1] must be a whole number. Received: widths[1]='x'."),
        ("--colored=maybe", "colored must be true or false. Received: colored='maybe'."),
        (
            "--trunk=sharde",
            "trunk must be one of: separate, shared. Received: trunk='sharde'. "
            "Did you mean 'shared'?",
        ),
        (
            "--model=ibgna",
            "model must be one of: ibgan, other. Received: model='ibgna'. Did you mean 'ibgan'?",
        ),
        (
            "--dataset=shape",
            "dataset must be one of: shapes. Received: dataset='shape'. Did you mean 'shapes'?",
        ),
        (
            "--preset=shaped",
            "preset must be one of: none, shapes. Received: preset='shaped'. "
            "Did you mean 'shapes'?",
        ),
        ("--steps=0", "steps must be >= 1. Received: steps=0."),
        ("steps=5", "Arguments must be flags, --name=value. Received: 'steps=5'."),
        ("--steps", "Missing value for flag --steps"),
        ("--resume", "run_dir must be given. Received: no --run_dir. Add --run_dir=..."),
    ],
)
def test_a_mistake_is_told_in_one_line_and_ends_with_1(capsys, argument, message):
    assert run_train("--dataset=shapes", argument) == 1
    assert error_of(capsys) == f"train.py: error: {message}"


def test_float16_is_refused_with_the_reason(capsys):
    assert run_train("--dataset=shapes", "--precision=float16") == 1
    assert "losses scaled" in error_of(capsys)


def test_resuming_what_is_no_run_is_told_before_anything_else(capsys, tmp_path):
    assert run_train("--resume", f"--run_dir={tmp_path}", "--bta=1") == 1
    assert "run_dir must hold a run" in error_of(capsys)


def test_a_script_without_mistakes_ends_with_0():
    assert run_train("--dataset=shapes") is None
    assert run(lambda _: 0) == 0


def test_a_script_ends_with_the_code_of_its_main_function():
    assert run(lambda _: 3) == 3


def test_main_gets_the_arguments():
    arguments = []
    run(arguments.extend)
    assert arguments == ["scripts/train.py"]


def run_with_positional(main, *arguments):
    """Returns the exit code of a script that takes files and the flag --columns."""
    values = flags.FlagValues()
    command_line.define_flag("columns", int, "Columns.", default=8, flag_values=values)
    with pytest.raises(SystemExit) as end:
        command_line.run_main(
            lambda argv: main(argv, values.columns),
            ["scripts/report.py", *arguments],
            positional="file",
            flag_values=values,
        )
    return end.value.code


@pytest.mark.parametrize(
    "arguments",
    [("a", "--columns=4", "b"), ("--columns", "4", "a", "b"), ("a", "b", "--columns=4")],
)
def test_arguments_that_are_no_flags_may_stand_before_and_after_them(arguments):
    taken = []
    assert run_with_positional(lambda *got: taken.append(got), *arguments) is None
    assert taken == [(["scripts/report.py", "a", "b"], 4)]


def test_a_script_that_takes_arguments_needs_one(capsys):
    assert run_with_positional(lambda *_: None, "--columns=4") == 1
    message = "One file or more must be given. Received: none. See --help."
    assert error_of(capsys) == f"report.py: error: {message}"


def test_an_unknown_flag_after_the_arguments_is_told(capsys):
    assert run_with_positional(lambda *_: None, "a", "--colums=4") == 1
    assert "Did you mean --columns?" in error_of(capsys)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x must be 1. Received: x=2."),
        TypeError("x must be a number. Received: x='a'."),
        FileNotFoundError("x must be 1. Received: x=2."),
        FileExistsError("x must be 1. Received: x=2."),
        OSError("another process\n(pid 1)"),
    ],
)
def test_an_error_of_the_user_is_told_in_one_line(capsys, error):
    def main(_):
        raise error

    assert run(main) == 1
    assert error_of(capsys) == "train.py: error: " + str(error).replace("\n", " ")


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x")])
def test_an_error_that_nobody_foresaw_keeps_its_traceback(error):
    def main(_):
        raise error

    with pytest.raises(type(error)):
        command_line.run_main(main, ["train.py"], flag_values=flags.FlagValues())


def test_an_interrupt_ends_with_130():
    def main(_):
        raise KeyboardInterrupt

    assert run(main) == 130


@pytest.mark.parametrize("argument", ["--help", "-h", "--helpfull"])
def test_help_tells_each_flag_and_ends_with_0(capsys, argument):
    assert run_train("--dataset=shapes", argument) == 0
    text = capsys.readouterr().out
    for line in (
        "Settings of the model ibgan:",
        "Settings of the data set shapes:",
        "  --beta=float",
        "      Weight of the bound. (default: 0.5)",
        "      Widths. (default: 32,32)",
        "  --widths=int,int,...",
        "  --trunk=separate|shared",
        "  --[no]normalize",
        "  --steps=int",
        "      Training steps in all, those before a resume included. (default: 1000)",
    ):
        assert line in text.splitlines()


def test_the_flags_that_a_script_defines_itself_are_parsed_and_in_its_help(capsys):
    values = flags.FlagValues()
    command_line.define_flag("columns", int, "Columns.", default=8, flag_values=values)
    command_line.define_flag("seed", int, "Seed.", default=0, flag_values=values)
    flags.DEFINE_string("x", None, "A text.", flag_values=values, module_name="scripts/train.py")
    assert run(lambda _: None, "--columns=4", flag_values=values) is None
    assert values.columns == 4
    assert run(lambda _: None, "--help", flag_values=values) == 0
    text = capsys.readouterr().out
    assert "  --columns=int\n      Columns. (default: 8)\n" in text
    assert "  --seed=int\n      Seed. (default: 0)\n" in text
    assert "  --x=string\n      A text." in text


def test_the_choices_of_a_script_s_own_flag_are_checked(capsys):
    values = flags.FlagValues()
    choices = ("random", "mean")
    command_line.define_flag("center", str, "Center.", choices=choices, flag_values=values)
    assert run(lambda _: None, "--center=randm", flag_values=values) == 1
    assert "Did you mean 'random'?" in error_of(capsys)


def test_a_flag_that_must_be_given_is_asked_for():
    values = parse("--run_dir=here")
    assert command_line.required("run_dir", flag_values=values) == "here"
    with pytest.raises(ValueError, match="data_dir must be given. Received: no --data_dir."):
        command_line.required("data_dir", flag_values=values)


@pytest.mark.parametrize(("text", "step"), [("last", "last"), ("0", 0), ("1500", 1500)])
def test_a_step_is_a_number_or_last(text, step):
    assert command_line.parse_step(text) == step


@pytest.mark.parametrize("text", ["", "-1", "1.5", "Last", "newest"])
def test_any_other_step_is_refused(text):
    assert command_line.parse_step("all", "all") == "all"
    with pytest.raises(ValueError, match="step must be a whole number or 'last'"):
        command_line.parse_step(text)


def test_flags_need_neither_tensorflow_nor_numpy():
    code = (
        "import ibgan_tf.command_line, ibgan_tf.runs.record, sys;"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "numpy", "matplotlib", "sklearn"} & set(eval(answer.stdout))
