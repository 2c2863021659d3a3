import pytest
from PIL import Image


def test_sample_draws_a_grid_into_the_run(run_forked, small_run):
    done = run_forked("sample.py", f"--run_dir={small_run}", "--latent=r", "--num_samples=5")
    assert done.returncode == 0, done.stderr
    path = small_run / "samples" / "step-7-r.png"
    assert done.stdout.strip() == str(path)
    with Image.open(path) as image:
        assert image.size == (3 * 65 - 1, 2 * 65 - 1)


def test_codes_of_images_are_refused_of_a_model_that_generates_from_more(run_forked, small_run):
    done = run_forked("sample.py", f"--run_dir={small_run}", "--from_images")
    assert done.returncode == 1
    message = "Received: IBGAN, which generates from z, r."
    assert done.stderr.splitlines()[-1].endswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run_dir must be given. Received: no --run_dir. Add --run_dir=..."),
        (["--run_dir=/nowhere"], "run_dir must hold a run, and with it config.json. Received: "),
    ],
)
def test_a_mistake_is_told_in_one_line_and_at_once(run_script, arguments, message):
    done = run_script("sample.py", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("sample.py: error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
