"""Runs on pictures without factors or labels: what can be measured, and what is refused."""

import pathlib

import pytest

from ibgan_tf.data.image_folder import ImageFolder
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.evaluation import choosing, evaluate
from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
from ibgan_tf.models.infogan import InfoGAN, InfoGANConfig
from ibgan_tf.runs import record, weights
from ibgan_tf.runs.options import RunOptions


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, write_pictures):
    """A folder of twenty pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures([folder / f"{i:02d}.png" for i in range(20)], (40, 40))
    return folder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, data_dir, set_weights):
    """The folder of a narrow IB-GAN at step 3 on them."""
    run_dir = tmp_path_factory.mktemp("run")
    config = IBGANConfig(z_dim=4, r_dim=3, generator_width=2, discriminator_width=2)
    settings = PictureSettings(image_size=28)
    dataset = ImageFolder(data_dir, image_size=28)
    saved = record.RunRecord(
        model="ibgan",
        dataset="image_folder",
        preset="none",
        options=RunOptions(steps=3, batch_size=4),
        model_config=config,
        dataset_settings=settings,
        image_shape=settings.image_shape,
        data_source={"source": dataset.source, "sha256": dataset.sha256},
    )
    record.write_record(run_dir, saved)
    networks = IBGAN(config, saved.image_shape).networks()
    set_weights(networks.values())
    weights.save_networks(run_dir, networks, step=3)
    return run_dir


@pytest.fixture(autouse=True)
def _no_inception_in_the_cache(monkeypatch):
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("mig", "The data set must have factors. Received: dataset='image_folder'."),
        ("frechet_classifier_distance", "which has neither. Take Inception's features."),
    ],
)
def test_a_metric_that_needs_factors_is_refused_in_one_line(run_dir, data_dir, metric, reason):
    with pytest.raises(ValueError, match=f"metric '{metric}' can't be computed") as caught:
        evaluate.evaluate_run(run_dir, metrics=[metric], data_dir=str(data_dir))
    assert str(caught.value).endswith(reason) and "\n" not in str(caught.value)


def test_labels_asked_of_a_set_without_them_are_refused_in_one_line(data_dir):
    config = InfoGANConfig(
        categorical_sizes=(3,), generator_width=2, discriminator_width=2, continuous_dim=0
    )
    with pytest.raises(ValueError) as caught:
        choosing.choose(
            ["unsupervised_accuracy"],
            model=InfoGAN(config, (28, 28, 3)),
            model_name="infogan",
            dataset=ImageFolder(data_dir, image_size=28),
        )
    assert str(caught.value).endswith(
        "The data set must have labels. Received: dataset='image_folder'."
    )


def test_information_and_fid_are_measured(run_dir, data_dir, inception_folder):
    found = evaluate.evaluate_run(
        run_dir,
        metrics=["information", "fid", "unsupervised"],
        num_samples=20,
        inception_path=inception_folder,
        data_dir=str(data_dir),
    )
    assert [result["metric"] for result in found] == ["information", "unsupervised", "fid"]
    assert found[-1]["score"] > 0
    for result in found:
        assert result["data_source"]["source"] == "folder"


def test_all_leaves_out_what_cannot_be_and_says_why(run_dir, data_dir, capsys):
    found = evaluate.evaluate_run(run_dir, metrics=["all"], settings="fast", data_dir=str(data_dir))
    assert {result["metric"] for result in found} == {"information", "unsupervised"}
    text = capsys.readouterr().out
    assert "The data set must have factors. Received: dataset='image_folder'." in text
    assert pathlib.Path(run_dir, "metrics", "step-3").is_dir()
