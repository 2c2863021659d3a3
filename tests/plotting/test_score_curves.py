import numpy as np
import pytest
from PIL import Image

from ibgan_tf.plotting import score_curves

ROWS = [
    {"step": step, "information_upper_bound": 2.0, "information_lower_bound": 1.0, "kl/r00": 1.0}
    for step in (100, 200, 300)
]
SCORES = {"MIG": {100: 0.1, 300: 0.3}}


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def _dashes(pixels):
    """Returns the columns that are dark over more than half of the picture's height."""
    return np.flatnonzero((pixels < 80).all(axis=2).mean(axis=0) > 0.4)


@pytest.mark.parametrize(
    ("rows", "scores", "panels"),
    [
        (ROWS, SCORES, 3),
        (ROWS, {}, 2),
        ([], SCORES, 1),
        (ROWS, {"MIG": {}}, 2),
        (ROWS, {"MIG": {300: 0.3}, "DCI": {300: 0.4}}, 2),  # one step is no curve
        (ROWS, {"MIG": {300: 0.3}, "DCI": {100: 0.4}}, 3),
        ([], {"MIG": {300: 0.3}}, 1),
    ],
)
def test_score_curves_draws_what_there_is(tmp_path, rows, scores, panels):
    score_curves.score_curves(rows, scores, tmp_path / "new" / "curves.png")
    height, width, _ = _pixels(tmp_path / "new" / "curves.png").shape
    assert width == 2000 and height == 200 * (2.5 * panels + 0.3)


def test_the_best_step_is_marked_through_all_panels(tmp_path):
    rows = [{"step": row["step"], "kl/r00": 1.0} for row in ROWS]
    score_curves.score_curves(rows, SCORES, tmp_path / "plain.png")
    score_curves.score_curves(rows, SCORES, tmp_path / "marked.png", best_step=300)
    marked = set(_dashes(_pixels(tmp_path / "marked.png")))
    dashed = marked - set(_dashes(_pixels(tmp_path / "plain.png")))
    assert dashed and max(dashed) - min(dashed) < 6


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Received: 1 rows and 0 scores, without"):
        score_curves.score_curves([{"step": 1}], {}, tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())
