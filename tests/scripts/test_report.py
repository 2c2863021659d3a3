import pytest


def test_report_writes_its_pages_over_the_runs_that_it_is_given(run_script, small_run, tmp_path):
    (tmp_path / "train.log").write_text("")
    output = tmp_path / "report"
    done = run_script("report.py", small_run, tmp_path / "train.log", f"--output_dir={output}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(output / "README.md"), str(output / "index.html")]
    assert done.stderr.startswith(f"report.py: warning: {tmp_path / 'train.log'}: ")
    assert done.stderr.count("\n") == 1
    text = (output / "README.md").read_text(encoding="utf-8")
    assert "# 1 run of ibgan on dsprites" in text and "figures/small_run" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "One run directory or more must be given. Received: none. See --help."),
        (["/nowhere"], "At least one of the folders must be a run. Received: /nowhere."),
        (["/nowhere", "--otput_dir=x"], "Did you mean --output_dir?"),
    ],
)
def test_a_mistake_is_told_in_one_line(run_script, arguments, message):
    done = run_script("report.py", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("report.py: error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
