import numpy as np
import pytest

from ibgan_tf.plotting import grids
from ibgan_tf.serving import pictures


class Fake:
    """A generator of two parts, whose images are grey: a tenth of the sum of the code."""

    def __init__(self):
        code = {
            "c": {"dtype": "float32", "shape": [None, 2]},
            "noise": {"dtype": "float32", "shape": [None, 1]},
        }
        rows = {"dtype": "int64", "shape": [None]}
        chosen = {
            "part": {"dtype": "string", "shape": [None]},
            "dimension": rows,
            "value": {"dtype": "float32", "shape": [None]},
        }
        self.signatures = {
            "sample": {"inputs": {"seed": rows}},
            "generate_png": {"inputs": code},
            "traverse": {"inputs": code | chosen},
        }
        self.asked = []

    def run(self, signature, inputs):
        self.asked.append((signature, inputs))
        if signature == "sample":
            code = {"c": np.zeros([len(inputs["seed"]), 2]), "noise": inputs["seed"][:, None] % 3}
            return self._images(code) | code
        code = {"c": inputs["c"].copy(), "noise": inputs["noise"]}
        for row, part in enumerate(inputs["part"]):
            code[part.decode()][row, inputs["dimension"][row]] = inputs["value"][row]
        return self._images(code)

    def _images(self, code):
        total = 0.1 * (code["c"].sum(axis=1) + code["noise"].sum(axis=1))
        images = np.tile(total[:, None, None, None], [1, 64, 64, 1]).astype(np.float32)
        return {"images": images, "valid": np.isfinite(total)}


@pytest.fixture
def fake():
    return Fake()


def test_samples_are_a_square_grid(fake, tmp_path):
    pictures.draw_samples(fake, tmp_path / "grid.png", number=5, seed=1)
    grid = grids.read_png(tmp_path / "grid.png")
    assert grid.shape == (2 * 64 + 2, 3 * 64 + 2 * 2)
    (_, inputs) = fake.asked[0]
    # 127.5 * (1 + a tenth of the first part of noise), rounded.
    assert grid[0, 0] == round(127.5 * (1 + 0.1 * (inputs["seed"][0] % 3)))


def test_many_samples_are_asked_for_in_batches_that_every_export_was_tried_with(fake, tmp_path):
    pictures.draw_samples(fake, tmp_path / "grid.png", number=130, seed=1)
    assert [len(inputs["seed"]) for _, inputs in fake.asked] == [64, 64, 2]


def test_more_samples_begin_with_the_same_ones():
    first = pictures.sample_seeds(3, 4)
    assert pictures.sample_seeds(3, 9)[:4].tolist() == first.tolist()
    assert pictures.sample_seeds(4, 4).tolist() != first.tolist()
    assert first.dtype == np.int64
    with pytest.raises(ValueError, match="seed must be >= 0"):
        pictures.sample_seeds(-1, 4)


def test_a_traversal_sets_one_dimension_of_the_named_part(fake):
    code = {"c": [1.0, 2.0], "noise": [3.0]}
    images = pictures.traversal_images(fake, code, "c", 1, [-2.0, 0.0, 2.0])
    # 0.1 * (1 + value + 3)
    np.testing.assert_allclose(images[:, 5, 5, 0], [0.2, 0.4, 0.6], rtol=1e-6)


def test_a_traversal_is_drawn_with_a_row_for_each_center(fake, tmp_path):
    pictures.draw_traversal(
        fake, tmp_path / "t.png", dimension=1, part="c", columns=5, num_centers=2
    )
    picture = grids.read_png(tmp_path / "t.png")
    # Two rows of five images of 64 pixels, 4 between them, and labels around.
    assert picture.shape[0] > 2 * 64 + 4
    assert picture.shape[1] > 5 * 64 + 4 * 4
    asked = [(name, len(inputs["dimension"])) for name, inputs in fake.asked[1:]]
    assert asked == [("traverse", 5), ("traverse", 5)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"dimension": 2, "part": "c"}, "a dimension of c, 0 to 1. Received: traverse=2"),
        ({"dimension": -1, "part": "c"}, "Received: traverse=-1"),
        ({"dimension": 0}, "part must be one of: c, noise"),
        ({"dimension": 0, "part": "noises"}, "Did you mean 'noise'"),
        ({"dimension": 0, "part": "c", "columns": 1}, "columns must be >= 2"),
        ({"dimension": 0, "part": "c", "value_range": float("nan")}, "range=nan"),
    ],
)
def test_a_traversal_of_nothing_is_refused(fake, tmp_path, settings, told):
    with pytest.raises(ValueError, match=told):
        pictures.draw_traversal(fake, tmp_path / "t.png", **settings)
    assert not (tmp_path / "t.png").exists()


@pytest.mark.parametrize("number", [0, 4097])
def test_a_number_of_samples_out_of_bounds_is_refused(fake, tmp_path, number):
    with pytest.raises(ValueError, match="samples must be 1 to 4096"):
        pictures.draw_samples(fake, tmp_path / "grid.png", number=number, seed=0)


def test_rows_that_the_generator_finds_invalid_are_told(fake, monkeypatch):
    run = fake.run

    def answer(signature, inputs):
        outputs = run(signature, inputs)
        return outputs | {"valid": np.array([True, True, False])}

    monkeypatch.setattr(fake, "run", answer)
    with pytest.raises(ValueError, match="inputs of sample must be valid. Received: row 2 isn't"):
        pictures.ask(fake, "sample", {"seed": [1, 2, 3]})


def test_generators_without_codes_are_refused():
    with pytest.raises(ValueError, match="generate_from_r_png or generate_png"):
        pictures.code_sizes({"classify": {}})
