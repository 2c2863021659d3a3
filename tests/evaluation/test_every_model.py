"""Every model that can be scored is, on a small data set, and says how."""

import shutil

import numpy as np
import pytest

from ibgan_tf.evaluation import afterwards, batch_norm, centrality, choosing, codes, evaluate
from ibgan_tf.metrics.model_centrality import PROTOCOLS, GroupSizes
from ibgan_tf.models import MODELS
from ibgan_tf.runs import weights
from ibgan_tf.runs.load import load_run

WITHOUT_ENCODER = ("gan", "mine_gan")  # their codes are read by a reconstructor from afterwards
QUICK = {"settings": "fast", "reconstructor": afterwards.Training(steps=2, batch_size=4)}


@pytest.fixture
def run_of(squares, narrow, set_weights, write_squares_record, tmp_path):
    """Gives a function that returns the folder of a narrow run, its weights drawn at random."""

    def make(name, **settings):
        config = narrow(MODELS[name].config_class(**settings))
        write_squares_record(tmp_path, model=name, config=config, steps=5)
        networks = MODELS[name](config, squares.image_shape).networks()
        set_weights(networks.values())
        weights.save_networks(tmp_path, networks, step=5)
        return tmp_path

    return make


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_scored_with_its_usual_codes(name, run_of, capsys):
    wanted = ["mig", "unsupervised"]
    if name not in WITHOUT_ENCODER:  # that reconstructor knows no bound
        wanted.append(choosing.INFORMATION)
    results = evaluate.evaluate_run(run_of(name), metrics=wanted, **QUICK)
    assert {result["metric"] for result in results} == set(wanted)
    assert all(np.isfinite(result["score"]) for result in results)
    usual = "afterwards_mean"
    if name not in WITHOUT_ENCODER:
        usual = MODELS[name].representations[0]
    of_codes = [result for result in results if result["metric"] != choosing.INFORMATION]
    assert {result["representation"] for result in of_codes} == {usual}
    assert {(result["model"], result["step"]) for result in results} == {(name, 5)}


@pytest.mark.parametrize("name", ["ibgan", "infogan", "vae", "joint_vae", "stacked_corex"])
def test_a_model_understands_its_own_copy_as_well_as_that_understands_it(
    name, run_of, monkeypatch, tmp_path_factory
):
    sizes = GroupSizes(votes_per_code=2, group_size=4, sample_size=20)
    monkeypatch.setitem(PROTOCOLS["ibgan_tf"], "fast", sizes)
    monkeypatch.setattr(centrality, "ACTIVE", -100.0)  # all codes take part
    run_dir = run_of(name)
    copy = shutil.copytree(run_dir, tmp_path_factory.mktemp("copies") / "copy")
    (_, first), (_, second) = centrality.evaluate_centrality([run_dir, copy], settings="fast")
    assert 0.0 < first["score"] == second["score"] <= 1.0
    assert all(first["details"]["informative_dims"])


@pytest.mark.parametrize("name", ["ibgan", "infogan", "gan"])
def test_every_result_of_a_gan_has_the_statistics_that_were_asked_for(name, run_of, capsys):
    wanted = ["mig"] if name == "gan" else ["mig", choosing.INFORMATION]
    run_dir = run_of(name)
    before = evaluate.evaluate_run(run_dir, metrics=wanted, **QUICK)
    after = evaluate.evaluate_run(run_dir, metrics=wanted, statistics="real_images", **QUICK)
    assert {result["batch_norm_statistics"] for result in before} == {"training"}
    assert {result["batch_norm_statistics"] for result in after} == {"real_images"}
    assert len({result["weights_sha256"] for result in before + after}) == 1
    scores = [[result["score"] for result in results] for results in (before, after)]
    assert all(one != other for one, other in zip(*scores, strict=True))


def test_the_information_of_a_vae_is_of_the_images_that_are_read(run_of, squares, monkeypatch):
    run_dir = run_of("vae")
    monkeypatch.setattr(type(squares), "source", "read now")  # the record says "made in the test"
    (result,) = evaluate.evaluate_run(run_dir, metrics=[choosing.INFORMATION], **QUICK)
    assert result["data_source"] == {"source": "read now", "sha256": squares.sha256}


@pytest.mark.parametrize(("name", "settings"), [("vae", {}), ("infogan", {"spectral_norm": True})])
def test_codes_without_batch_norm_have_no_other_statistics(name, settings, run_of):
    run = load_run(run_of(name, **settings))
    before = codes.weights_hash(run.model.networks())
    with (
        pytest.raises(ValueError, match="must be 'training' for a model that encodes without"),
        batch_norm.statistics_of(run.model, "real_images", run.dataset),
    ):
        pass
    assert codes.weights_hash(run.model.networks()) == before
