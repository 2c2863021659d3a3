import pytest
from PIL import Image


def test_plot_curves_draws_the_log_of_a_run(run_script, small_run):
    done = run_script("plot_curves.py", f"--run_dir={small_run}")
    assert done.returncode == 0, done.stderr
    names = ["information.png", "losses.png"]
    assert done.stdout.split() == [str(small_run / "curves" / name) for name in names]
    for name in names:
        with Image.open(small_run / "curves" / name) as image:
            assert image.width > 1000


def test_a_run_without_a_log_is_refused(run_script, small_run, tmp_path):
    (tmp_path / "config.json").write_bytes((small_run / "config.json").read_bytes())
    done = run_script("plot_curves.py", f"--run_dir={tmp_path}")
    assert done.returncode == 1
    assert "Received: 0 rows with the keys []" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run_dir must be given. Received: no --run_dir. Add --run_dir=..."),
        (["--run_dir=/nowhere"], "run_dir must hold a run, and with it config.json. Received: "),
    ],
)
def test_a_mistake_is_told_in_one_line(run_script, arguments, message):
    done = run_script("plot_curves.py", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("plot_curves.py: error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
