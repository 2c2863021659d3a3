"""Imports go one way: a file imports only from floors below its own."""

import ast
import pathlib
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "ibgan_tf"
SCRIPTS = ("scripts", "export", "benchmarks")

FLOORS = {
    "atomic": 0,
    "registry": 0,
    "config": 0,
    "mistakes": 0,
    "ports": 0,
    "seeds": 1,
    "compat": 1,
    "optimizers": 1,
    "losses": 2,
    "networks": 2,
    "data": 3,
    "models": 3,
    "plotting": 3,
    "metrics": 4,
    "runs": 4,
    "evaluation": 5,
    "reporting": 5,
    "serving": 5,
    "training": 6,
    "sweeps": 7,
    "help_text": 7,
    "command_line": 7,
    "run_flags": 8,
}

# Who alone may import what.
OWNERS = {
    "matplotlib": ("plotting",),
    "absl.flags": ("command_line", "run_flags"),
    "absl.app": (),
    "keras": (),  # tf.keras is the only name
    "tensorflow_datasets": ("data",),
    "tensorflow_gan": ("compat", "metrics"),
    "sklearn": ("metrics",),
}


def imported_names(path: pathlib.Path) -> Iterator[str]:
    """Yields the dotted names that a file imports, wherever in the file: a, a.b, a.b.c."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports must be absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(path: pathlib.Path) -> str:
    """Returns the part of the package that a file is in: the name of its file or folder."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def own_imports(path: pathlib.Path) -> set[str]:
    """Returns the parts of the package that a file imports."""
    names = (name.split(".") for name in imported_names(path))
    return {name[1] for name in names if name[0] == "ibgan_tf" and len(name) > 1}


def begins_with(name: str, prefix: str) -> bool:
    """Says whether a dotted name is a module or lies in it."""
    return name == prefix or name.startswith(prefix + ".")


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
SCRIPT_FILES = sorted(path for folder in SCRIPTS for path in (ROOT / folder).rglob("*.py"))


def shown(path: pathlib.Path) -> str:
    """Returns a file's path within the project."""
    return str(path.relative_to(ROOT))


def test_there_are_files_to_check():
    assert PACKAGE / "config.py" in FILES


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_every_file_has_a_floor(path):
    assert part_of(path) in FLOORS


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_file_imports_only_lower_floors(path):
    part = part_of(path)
    allowed = {other for other, floor in FLOORS.items() if floor < FLOORS[part]} | {part}
    if FLOORS[part] == 0 or part == "command_line":  # single files, which may share a floor
        allowed |= {other for other, floor in FLOORS.items() if floor == FLOORS[part]}
    # The package's own names, such as __version__, are of no floor; load_run is of the fourth.
    allowed |= {"__version__"}
    if part == "metrics":  # which take arrays, whatever made them
        allowed -= {"models"}
    assert own_imports(path) <= allowed


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_the_ground_floor_imports_only_the_standard_library(path):
    if FLOORS[part_of(path)] == 0:
        others = {name.split(".")[0] for name in imported_names(path)} - {"ibgan_tf"}
        assert others <= sys.stdlib_module_names


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_heavy_packages_are_imported_only_where_they_belong(path):
    for prefix, owners in OWNERS.items():
        if part_of(path) not in owners:
            assert not [name for name in imported_names(path) if begins_with(name, prefix)]


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_nothing_imports_scripts_or_tests(path):
    names = {name.split(".")[0] for name in imported_names(path)}
    assert not names & {*SCRIPTS, "tests"}


@pytest.mark.parametrize("path", SCRIPT_FILES, ids=shown)
def test_scripts_do_not_import_each_other(path):
    siblings = {other.stem for other in path.parent.glob("*.py")}
    names = {name.split(".")[0] for name in imported_names(path)}
    assert not names & {*SCRIPTS, "tests", *siblings}


def test_the_package_itself_imports_only_the_standard_library_until_it_is_asked():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {
        (node.names[0].name if isinstance(node, ast.Import) else node.module).split(".")[0]
        for node in imports
    }
    assert modules <= sys.stdlib_module_names
