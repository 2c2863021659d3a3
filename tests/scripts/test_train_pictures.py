"""scripts/train.py on CelebA, 3D Chairs and a folder, from prepared pictures to the last step."""

import json

import pytest

from ibgan_tf.data import celeba, chairs3d
from ibgan_tf.data.celeba import CelebA
from ibgan_tf.data.chairs3d import Chairs3D
from ibgan_tf.runs import run_directory

SHORT = ("--steps=3", "--batch_size=4", "--report_every=1", "--picture_every=3")
NARROW = ("--generator_width=2", "--discriminator_width=2")
# Model, data set, flags, and the shape of the images.
PAIRS = [
    ("ibgan", "celeba", NARROW, [64, 64, 3]),
    ("gan", "chairs3d", NARROW, [64, 64, 1]),
    ("infogan", "image_folder", ("--preset=celeba", *NARROW, "--image_size=28"), [28, 28, 3]),
    (
        "vae",
        "image_folder",
        ("--preset=chairs3d", "--color=grey", "--crop=40", "--batch_size=100"),
        [64, 64, 1],
    ),
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, write_pictures):
    """A data folder with twelve pictures of each set; those of the published sets are prepared."""
    folder = tmp_path_factory.mktemp("data")
    faces = [folder / "img_align_celeba" / f"{i:06d}.jpg" for i in range(1, 13)]
    write_pictures(faces, celeba.STORED_SIZE)
    views = [
        folder / "rendered_chairs" / c / "renders" / f"{i}.png" for c in "abc" for i in range(4)
    ]
    write_pictures(views, (chairs3d.STORED_SIDE,) * 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(celeba, "COUNTS", {"train": 8, "validation": 2, "test": 2})
        patch.setattr(chairs3d, "NUM_CHAIRS", 3)
        patch.setattr(chairs3d, "NUM_VIEWS", 4)
        CelebA(folder)
        Chairs3D(folder)
    return folder


@pytest.mark.parametrize(("model", "dataset", "flags", "image_shape"), PAIRS)
def test_a_model_trains_to_its_last_step(
    start_training, data_dir, tmp_path, model, dataset, flags, image_shape
):
    run_dir = tmp_path / "run"
    process = start_training(
        *(f"--model={model}", f"--dataset={dataset}", f"--data_dir={data_dir}"),
        *(f"--run_dir={run_dir}", *SHORT, *flags),
    )
    assert process.code() == 0, process.lines()
    assert (run_dir / "DONE").exists()
    assert [row["step"] for row in run_directory.read_rows(run_dir)] == [0, 1, 2, 3]
    record = json.loads((run_dir / "config.json").read_text())
    assert (record["model"], record["dataset"]) == (model, dataset)
    assert record["image_shape"] == image_shape
    assert record["data_source"]["source"] == "folder"
    assert list((run_dir / "samples").glob("*.png"))
    told = any("fewer than a batch, 100" in line for line in process.lines())
    assert told == ("--batch_size=100" in flags)


def test_a_half_downloaded_set_is_told_in_one_line_before_a_run_directory_is_made(
    start_training, data_dir, tmp_path
):
    flags = ("--dataset=celeba", f"--data_dir={data_dir}", "--crop=148")  # which isn't prepared
    process = start_training(*flags, f"--run_dir={tmp_path / 'run'}")
    assert process.code() == 1
    (line,) = [line for line in process.lines() if not line.startswith("imported:")]
    assert "CelebA must have 202,599 images. Received: 12 in " in line
    assert not (tmp_path / "run").exists()
