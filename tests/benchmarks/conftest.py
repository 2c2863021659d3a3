"""The benchmarks' scripts as modules."""

import importlib.util
import pathlib
import sys

import pytest

from ibgan_tf import command_line

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def load_benchmark():
    """Gives a function that returns a file of the benchmarks as a module, without its flags."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_line, "define_flag", lambda *arguments, **options: None)
        patch.syspath_prepend(str(BENCHMARKS))

        def load(name):
            path = BENCHMARKS / f"{name}.py"
            spec = importlib.util.spec_from_file_location(f"{name}_benchmark", path)
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, spec.name, module)  # for its dataclasses
            spec.loader.exec_module(module)
            return module

        yield load
