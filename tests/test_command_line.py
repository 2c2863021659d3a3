import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags

from ibgan_tf import command_line

ROOT = pathlib.Path(__file__).parents[1]


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


def test_a_script_without_mistakes_ends_with_0():
    assert run(lambda _: None) is None
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


def test_help_tells_what_the_arguments_are(capsys):
    assert run_with_positional(lambda *_: None, "--help") == 0
    assert "Arguments that aren't flags: file ..." in capsys.readouterr().out.splitlines()


def test_a_script_that_takes_arguments_needs_one(error_line):
    assert run_with_positional(lambda *_: None, "--columns=4") == 1
    message = "One file or more must be given. Received: none. See --help."
    assert error_line() == f"report.py: error: {message}"


def test_an_unknown_flag_after_the_arguments_is_told(error_line):
    assert run_with_positional(lambda *_: None, "a", "--colums=4") == 1
    assert "Did you mean --columns?" in error_line()


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
def test_an_error_of_the_user_is_told_in_one_line(error_line, error):
    def main(_):
        raise error

    assert run(main) == 1
    assert error_line() == "train.py: error: " + str(error).replace("\n", " ")


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


def test_the_choices_of_a_script_s_own_flag_are_checked(error_line):
    values = flags.FlagValues()
    choices = ("random", "mean")
    command_line.define_flag("center", str, "Center.", choices=choices, flag_values=values)
    assert run(lambda _: None, "--center=randm", flag_values=values) == 1
    assert "Did you mean 'random'?" in error_line()


def test_a_flag_that_must_be_given_is_asked_for():
    values = flags.FlagValues()
    for name in ("run_dir", "data_dir"):
        command_line.define_flag(name, str, "A folder.", flag_values=values)
    command_line.parse_flags(["train.py", "--run_dir=here"], flag_values=values)
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
        "import ibgan_tf.command_line, ibgan_tf.run_flags, ibgan_tf.runs.record, sys;"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "numpy", "matplotlib", "sklearn"} & set(eval(answer.stdout))


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--address=a"], "--engine=ray"),
        (["--engine=local", "--address=a"], "--engine=ray"),
        (["--label=stable"], "--server=..."),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(arguments, needed):
    values = flags.FlagValues()
    command_line.define_flag("engine", str, "What runs.", default="local", flag_values=values)
    for name in ("address", "server", "label"):
        command_line.define_flag(name, str, "A name.", flag_values=values)

    def check():
        command_line.check_goes_with("engine", "ray", ["address"], flag_values=values)
        command_line.check_goes_with("server", None, ["label"], flag_values=values)

    values(["script", "--engine=ray", "--address=a", "--server=b", "--label=stable"])
    check()
    values.unparse_flags()
    for name in ("engine", "address", "server", "label"):
        values[name].unparse()
    values(["script", *arguments])
    with pytest.raises(ValueError, match=f"must go with {needed}. .* add {needed}"):
        check()


@pytest.mark.parametrize("own", [{}, {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "0"}])
def test_tensorflow_is_quiet_and_uses_onednn_unless_the_user_says_otherwise(own):
    code = (
        "import os, ibgan_tf.command_line; "
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'], os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | own,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == (list(own.values()) or ["1", "2"])
