import numpy as np
import pytest

from ibgan_tf.plotting import grids
from ibgan_tf.reporting import collecting, grouping, run_pictures


def _draw_grid(run_dir, step, *, shade, size=64):
    images = np.full([64, size, size, 1], shade, np.uint8)
    path = run_dir / "samples" / f"step-{step}.png"
    grids.save_png(path, grids.image_grid(images, columns=8))
    return path


def _draw(folders, run_dirs):
    groups = grouping.group_runs(collecting.collect(run_dirs).runs)
    problems = []
    path = folders.root / "samples.png"
    return run_pictures.draw_samples(groups, path, problems), path, problems


def test_the_last_samples_of_each_model_stand_in_a_row_of_their_own(folders):
    run_dirs = [folders.make("gan"), folders.make("vae", model="vae")]
    _draw_grid(run_dirs[0], 50, shade=10)
    _draw_grid(run_dirs[0], 100, shade=80)
    _draw_grid(run_dirs[1], 100, shade=160)
    picture, path, problems = _draw(folders, run_dirs)
    assert "gan at step 100; vae at step 100" in picture.caption
    pixels = grids.read_png(path)[..., 0]
    shades = [int((pixels == shade).sum()) for shade in (10, 80, 160)]
    assert shades[0] == 0
    assert min(shades[1:]) >= 10 * 64 * 64  # ten images each
    assert problems == []


@pytest.mark.parametrize("second", [None, b"no picture", "another size"])
def test_what_cannot_stand_beside_others_is_noted_or_left_out(folders, second):
    run_dirs = [folders.make("gan"), folders.make("vae", model="vae")]
    _draw_grid(run_dirs[0], 100, shade=80)
    if second == "another size":
        _draw_grid(run_dirs[1], 100, shade=80, size=32)
    elif second:
        _draw_grid(run_dirs[1], 100, shade=80).write_bytes(second)
    picture, path, problems = _draw(folders, run_dirs)
    assert picture is None and not path.exists()
    assert [problem.path.name for problem in problems] == ["step-100.png"] * bool(second)


def test_the_newest_traversal_is_shown_and_one_by_traverse_py_first(folders, toy_run):
    run_dir = folders.make("a")
    names = ["50-random-1", "100-1", "100-random-1", "100-random-2", "100-random-s1", "100-s1"]
    names += ["100-mean-1", "100-data-1"]
    for name in names:
        grids.save_png(run_dir / "traversals" / f"step-{name}.png", np.zeros([4, 6], np.uint8))
    problems = []
    found = run_pictures.traversals(toy_run(run_dir), problems)
    assert [picture.path.name for picture in found] == [
        "step-100-random-1.png",
        "step-100-random-s1.png",
    ]
    assert found[0].width == 6 and problems == []
    (run_dir / "traversals" / "step-100-random-1.png").write_bytes(b"")
    found = run_pictures.traversals(toy_run(run_dir), problems)
    assert len(found) == 1 and problems[0].path.name == "step-100-random-1.png"


def test_a_run_without_pictures_has_none(folders, toy_run):
    assert run_pictures.traversals(toy_run(folders.make("a")), []) == []
