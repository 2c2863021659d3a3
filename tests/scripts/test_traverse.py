import pytest
from PIL import Image


def test_traverse_draws_a_picture_per_center_and_an_animation(run_forked, small_run, tmp_path):
    done = run_forked(
        "traverse.py", f"--run_dir={small_run}", f"--output_dir={tmp_path}", "--num_centers=2",
        "--columns=3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = ["step-7-random-1.png", "step-7-random-2.png", "step-7-random.gif"]
    assert done.stdout.split() == [str(tmp_path / name) for name in names]
    for name in names:
        with Image.open(tmp_path / name) as image:
            assert image.height > 2 * 64
            assert getattr(image, "n_frames", 1) == (8 if name.endswith("gif") else 1)


def test_traverse_says_its_flags_without_tensorflow(run_script):
    done = run_script("traverse.py", "--help")
    assert done.returncode == 0
    assert "--num_centers=int" in done.stdout and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run_dir must be given. Received: no --run_dir. Add --run_dir=..."),
        (["--run_dir=/nowhere"], "run_dir must hold a run, and with it config.json. Received: "),
        (["--center=meen"], "Received: center='meen'. Did you mean 'mean'?"),
        (["--centre=mean"], "Unknown flag --centre. Did you mean --center?"),
        (["--columns=many"], "Received: columns='many'"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_at_once(run_script, arguments, message):
    done = run_script("traverse.py", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("traverse.py: error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""


def test_a_step_without_weights_is_told_in_one_line(run_forked, small_run):
    done = run_forked("traverse.py", f"--run_dir={small_run}", "--step=8")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    message = "traverse.py: error: step must be 'last' or one of [7]. Received: step=8"
    assert done.stderr.splitlines()[-1].startswith(message)
    assert not (small_run / "traversals").exists()
