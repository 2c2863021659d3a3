"""export/serve_locally.py: mistakes; tests/serving/test_double.py starts it."""

import pytest


@pytest.mark.parametrize(
    ("model_dir", "message"),
    [
        ("{version}/missing", "model_dir must be a folder of version folders."),
        ("{version}", "must be the folder that holds the version folders."),
    ],
)
def test_a_folder_that_holds_no_versions_is_told_in_one_line(
    run_script, published, model_dir, message
):
    flag = f"--model_dir={model_dir.format(version=published.path)}"
    process = run_script("serve_locally.py", flag, folder="export")
    assert process.returncode == 1
    (line,) = [line for line in process.stderr.splitlines() if "error: " in line]
    assert line.startswith("serve_locally.py: error: ") and message in line
