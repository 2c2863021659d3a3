import shutil

import pytest


@pytest.fixture
def check(run_forked):
    def run(*arguments):
        return run_forked("check_export.py", *arguments, folder="export")

    return run


def test_a_copy_of_an_export_passes_without_its_run(check, published, tmp_path):
    copy = shutil.copytree(published.path, tmp_path / "somewhere" / "12")
    done = check(copy)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("9 signatures, run at batch 1, 2, 64 in a process without ")
    assert lines[-2].startswith("no server settings beside it: ")
    assert lines[-1] == f"{copy}: passed"


def test_a_spoilt_copy_is_refused_with_the_reason(check, published, tmp_path):
    copy = shutil.copytree(published.path, tmp_path / "12")
    (copy / "variables" / "variables.index").unlink()
    done = check(copy)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(
        f"check_export.py: error: An export must pass the gate. Received: export_dir={copy}: "
        "variables/ lacks variables.index or variables.data-*; "
    )


def test_no_folder_is_told(check):
    done = check()
    assert done.returncode == 1
    assert done.stderr.startswith("check_export.py: error: One EXPORT_DIR or more must be given.")
