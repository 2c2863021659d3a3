import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from ibgan_tf.serving import explorer

LATENT = [
    {"name": "z", "size": 4, "traversable": False, "range": None},
    {"name": "r", "size": 3, "traversable": True, "range": None, "kl": [0.1, 2.0, 0.0]},
]
CODE = {"r": [0.5, -1.0, 2.0]}


@pytest.fixture
def answers(session):
    return explorer.Explorer(session, title="small", latent=LATENT, seed=5)


def pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def png_of(array):
    contents = io.BytesIO()
    Image.fromarray(array).save(contents, format="PNG")
    return contents.getvalue()


def test_dimensions_are_ordered_by_kl_and_marked_with_it(answers):
    dimensions = answers.description()["dimensions"]
    assert [(d["part"], d["index"], d["kl"]) for d in dimensions] == [
        ("r", 1, 2.0),
        ("r", 0, 0.1),
        ("r", 2, 0.0),
    ]


def test_a_kl_of_the_wrong_length_is_refused(session):
    wrong = [LATENT[1] | {"kl": [1.0]}]
    with pytest.raises(ValueError, match="kl of r must have 3 values"):
        explorer.Explorer(session, title="small", latent=wrong)


def test_without_a_card_the_kl_is_worked_out(session, model):
    found = explorer.Explorer(session, title="small").dimensions
    by_index = {dimension.index: dimension.kl for dimension in found}
    exact = model.dimension_kl(num_samples=20_000).numpy()
    # 4096 samples against others: three standard errors are below 5 % of these means.
    np.testing.assert_allclose([by_index[index] for index in range(3)], exact, rtol=0.1)


def test_without_a_card_ranges_are_read_off_samples():
    class Uniform:
        """A generator of a uniform code, a category and noise that is normal."""

        def __init__(self):
            sizes = {"c": 1, "s": 3, "z": 2}
            parts = {n: {"dtype": "float32", "shape": [None, k]} for n, k in sizes.items()}
            chosen = {
                "part": {"dtype": "string", "shape": [None]},
                "dimension": {"dtype": "int64", "shape": [None]},
                "value": {"dtype": "float32", "shape": [None]},
            }
            seed = {"seed": {"dtype": "int64", "shape": [None]}}
            self.signatures = {
                "generate_png": {"inputs": parts, "outputs": {}},
                "traverse": {"inputs": parts | chosen, "outputs": {}},
                "sample": {"inputs": seed, "outputs": {}},
            }

        def run(self, signature, inputs):
            rows = len(next(iter(inputs.values())))
            random = np.random.default_rng(int(inputs["seed"][0]) if "seed" in inputs else 0)
            if signature == "sample":
                return {
                    "c": random.uniform(-1, 1, [rows, 1]),
                    "s": np.eye(3)[random.integers(3, size=rows)],
                    "z": random.standard_normal([rows, 2]),
                }
            if signature == "traverse":
                valid = np.abs(inputs["value"]) <= 1
                return {"images": np.zeros([rows, 4, 4, 1]), "valid": valid}
            return {"images_png_bytes": np.array([png_of(np.zeros([4, 4], np.uint8))] * rows)}

    answers = explorer.Explorer(Uniform(), title="on a server")
    ranges = {d.part: (d.low, d.high) for d in answers.dimensions}
    assert ranges == {"c": (-1, 1), "s": (0, 1), "z": (-3, 3)}
    answers.warm_up()


def test_a_picture_is_the_generators(answers, model):
    expected = model.generate_from_r(np.array([CODE["r"]], np.float32)).numpy()[0, :, :, 0]
    levels = np.rint(127.5 * (expected + 1.0))
    np.testing.assert_allclose(pixels(answers.picture(CODE)), levels, atol=1)


def test_a_strip_goes_through_the_range_of_one_dimension(answers, model):
    strip = pixels(answers.strip(CODE, "r", 1))
    assert strip.shape == (64, 11 * 64 + 10 * 2)
    # The third of eleven values from -3 to 3 is -1.8.
    code = np.array([[0.5, -1.8, 2.0]], np.float32)
    levels = np.rint(127.5 * (model.generate_from_r(code).numpy()[0, :, :, 0] + 1.0))
    np.testing.assert_allclose(strip[:, 132:196], levels, atol=1)


@pytest.mark.parametrize(("part", "index"), [("r", 3), ("r", -1), ("z", 0), ("r", True), (None, 0)])
def test_a_strip_of_no_dimension_is_refused(answers, part, index):
    with pytest.raises(ValueError, match="part and index must name a dimension"):
        answers.strip(CODE, part, index)


def test_random_codes_differ_and_repeat_with_their_seed(session, answers):
    again = explorer.Explorer(session, title="small", latent=LATENT, seed=5)
    for source in ("r", "z"):
        first, second = answers.random_code(source), answers.random_code(source)
        assert [first, second] == [again.random_code(source) for _ in range(2)]
        assert first != second
        assert len(first["r"]) == 3
    with pytest.raises(ValueError, match="source must be one of: z, r"):
        answers.random_code("images")


def test_random_r_follows_the_prior(answers):
    drawn = np.array([answers.random_code("r")["r"] for _ in range(1000)])
    # The mean of 3000 standard normal values has a standard error of 0.018.
    assert abs(drawn.mean()) < 0.08
    assert abs(drawn.std() - 1.0) < 0.06


def test_random_z_is_shown_through_the_mean_of_its_encoding(session, answers, monkeypatch):
    asked = []
    run = session.run
    monkeypatch.setattr(
        session, "run", lambda name, inputs: asked.append((name, inputs)) or run(name, inputs)
    )
    code = answers.random_code("z")
    (_, _), (name, noise) = asked
    assert name == "encode_noise"
    assert code["r"] == run("encode_noise", noise)["r_mean"][0].tolist()


def test_an_image_gives_its_code(answers, model):
    image = np.random.default_rng(0).integers(0, 256, [64, 64], np.uint8)
    _, r_mean = model.encode((image[np.newaxis, :, :, np.newaxis] / 127.5 - 1.0).astype("f4"))
    np.testing.assert_allclose(
        answers.code_of(png_of(image))["r"], r_mean.numpy()[0], rtol=1e-4, atol=1e-5
    )


def test_images_are_cut_about_their_middle_and_scaled():
    # 4 x 8 pixels, black in the outer quarters: the middle 4 x 4 is white above, grey below.
    image = np.zeros([4, 8], np.uint8)
    image[:2, 2:6], image[2:, 2:6] = 255, 102
    found = explorer.read_image(png_of(image), (2, 2, 1))
    assert found.shape == (2, 2, 1)
    np.testing.assert_allclose(found[:, :, 0], [[1.0, 1.0], [-0.2, -0.2]], atol=1e-6)
    assert explorer.read_image(png_of(image), (2, 2, 3)).shape == (2, 2, 3)


def test_images_are_read_as_the_pictures_of_a_data_set_are():
    picture = np.zeros([4, 4, 4], np.uint8)  # transparent, but for the right half, which is black
    picture[:, 2:, 3] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # is to be turned to the right, which brings it below
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", exif=exif)
    found = explorer.read_image(stream.getvalue(), (2, 2, 1))
    np.testing.assert_array_equal(found[:, :, 0], [[1.0, 1.0], [-1.0, -1.0]])
    deep = np.full([2, 2], 102 * 257, np.uint16)  # 16 bits, which Pillow would cut off at 255
    assert np.allclose(explorer.read_image(png_of(deep), (2, 2, 1)), -0.2)


def test_what_is_no_image_is_refused():
    whole = png_of(np.zeros([64, 64], np.uint8))
    for contents in (b"", b"GIF89a", b"<svg></svg>", whole[: len(whole) // 2]):
        with pytest.raises(ValueError, match="The file must be an image"):
            explorer.read_image(contents, (28, 28, 1))


def test_an_image_that_unpacks_to_too_much_is_refused():
    wide = png_of(np.zeros([1, 8193], np.uint8))
    with pytest.raises(ValueError, match="at most 8192 pixels a side. Received: 8193 x 1"):
        explorer.read_image(wide, (28, 28, 1))


@pytest.mark.parametrize(
    "code",
    [
        None,
        [],
        {},
        {"z": [0, 0, 0]},
        {"r": [0, 0]},
        {"r": "abc"},
        {"r": [0, 0, "1"]},
        {"r": [0, 0, True]},
        {"r": [0, 0, float("nan")]},
        {"r": [0, 0, 1e400]},
        {"r": [0, 0, 10.5]},
        {"r": [0, 0, 10**400]},
    ],
)
def test_what_is_no_code_is_refused(answers, code):
    with pytest.raises(ValueError, match="must"):
        answers.picture(code)


def test_values_beyond_the_bounds_of_an_uploaded_image_are_brought_to_them(answers):
    assert answers.checked({"r": [11.0, -12.0, 1.0]}, clip=True) == {"r": [10.0, -10.0, 1.0]}


def test_everything_can_be_asked_once_before_the_first_question(answers):
    answers.warm_up()


def test_a_generator_without_pictures_is_refused():
    class Other:
        signatures = {"classify": {}}

    with pytest.raises(ValueError, match="must have the signature generate_from_r_png"):
        explorer.Explorer(Other(), title="other")
