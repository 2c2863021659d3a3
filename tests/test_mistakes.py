import pathlib

import numpy as np
import pytest

from ibgan_tf import mistakes, registry


def caught(function):
    """Returns the error that a function raises."""
    with pytest.raises(Exception) as info:
        function()
    return info.value


def test_a_bad_value_is_a_mistake():
    error = caught(lambda: registry.lookup({}, "x", kind="model"))
    assert mistakes.is_mistake(error)


def test_an_error_of_the_system_is_a_mistake():
    assert mistakes.is_mistake(caught(pathlib.Path("/missing/file").read_text))


def test_of_a_rename_the_target_is_told(tmp_path):
    source = tmp_path / "temporary"
    source.touch()
    (tmp_path / "folder").mkdir()
    error = caught(lambda: source.replace(tmp_path / "folder"))
    assert mistakes.one_line(error) == f"Is a directory: {tmp_path / 'folder'}"


def test_a_bad_value_within_an_installed_package_is_a_bug():
    error = caught(lambda: np.linalg.cholesky(np.zeros([2, 3])))
    assert isinstance(error, ValueError)
    assert not mistakes.is_mistake(error)


@pytest.mark.parametrize("installed", ["site-packages", "dist-packages"])
def test_packages_may_be_installed_in_folders_of_either_name(tmp_path, installed):
    path = tmp_path / installed / "other.py"
    code = compile("def fail():\n    raise ValueError('no')\n", str(path), "exec")
    names = {}
    exec(code, names)
    assert not mistakes.is_mistake(caught(names["fail"]))


def test_a_call_with_wrong_arguments_is_a_bug():
    assert not mistakes.is_mistake(caught(lambda: registry.nearest()))


def test_a_wrong_type_is_a_mistake_if_the_error_says_what_was_received():
    def check():
        raise TypeError("beta must be a number. Received: beta='x'.")

    assert mistakes.is_mistake(caught(check))


def test_a_training_that_diverged_is_told_in_one_line():
    assert mistakes.is_mistake(FloatingPointError("loss must be finite. Received: loss=nan."))


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), ZeroDivisionError()])
def test_any_other_error_is_a_bug(error):
    assert not mistakes.is_mistake(error)


def test_an_error_of_several_lines_is_told_in_one():
    assert mistakes.one_line(ValueError("first\n  second\n")) == "first second"


def test_an_error_of_the_system_is_told_with_its_file():
    error = caught(pathlib.Path("/missing/file").read_text)
    assert mistakes.one_line(error) == "No such file or directory: /missing/file"


def test_an_error_of_the_system_that_is_ours_is_told_as_it_is():
    assert mistakes.one_line(FileExistsError("run_dir must be empty.")) == "run_dir must be empty."


@pytest.mark.parametrize(("package", "mistake"), [("ibgan_tf", True), ("ibgan_tf_other", False)])
def test_where_the_package_is_installed_its_own_errors_are_mistakes(
    tmp_path, monkeypatch, package, mistake
):
    folder = tmp_path / "site-packages"
    monkeypatch.setattr(mistakes, "__file__", str(folder / "ibgan_tf" / "mistakes.py"))
    names = {}
    code = compile("def fail():\n    raise ValueError('no')\n", folder / package / "a.py", "exec")
    exec(code, names)
    assert mistakes.is_mistake(caught(names["fail"])) == mistake
