"""The table of codes is what the model says, is kept, and is made anew when it no longer fits."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.evaluation import codes
from ibgan_tf.runs.load import load_run


@pytest.fixture
def run(scored_run):
    return load_run(scored_run)


def test_the_codes_are_the_means_of_the_two_step_inference(run):
    table = codes.run_codes(run)
    images = tf.constant(run.dataset.images(np.arange(run.dataset.size)), tf.float32) / 127.5 - 1.0
    _, r_mean = run.model.encode(images)
    np.testing.assert_allclose(table.codes, r_mean, atol=1e-5)
    assert table.provenance["representation"] == "r_mean"
    assert table.provenance["data_source"]["source"] == "made in the test"


def test_other_representations_have_their_own_tables(run):
    z_mean = codes.run_codes(run, representation="z_mean")
    assert z_mean.codes.shape == (run.dataset.size, 4)
    sampled = codes.run_codes(run, representation="r_sampled").codes
    mean = codes.run_codes(run, representation="r_mean").codes
    assert np.abs(sampled - mean).max() > 0.01
    folder = run.run_dir / "metrics" / "step-7"
    assert len(list(folder.glob("codes-*.npy"))) == 3


def test_a_kept_table_is_read_and_not_made_again(run, monkeypatch):
    first = codes.run_codes(run)
    monkeypatch.setattr(codes, "encode_images", None)  # calling it would fail
    again = codes.run_codes(run)
    np.testing.assert_array_equal(again.codes, first.codes)
    assert again.provenance == first.provenance


@pytest.mark.parametrize("damage", ["codes", "provenance", "weights"])
def test_a_table_that_does_not_fit_is_made_again(run, damage):
    first = codes.run_codes(run)
    folder = run.run_dir / "metrics" / "step-7"
    if damage == "codes":
        np.save(folder / "codes-r_mean-training.npy", first.codes + 1)
    elif damage == "provenance":
        (folder / "codes-r_mean-training.json").write_text("{half")
    else:
        run.model.encoder.layers[-1].kernel.assign_add(
            tf.ones_like(run.model.encoder.layers[-1].kernel)
        )
    again = codes.run_codes(run)
    assert again.provenance["codes_sha256"] == codes.array_hash(again.codes)
    assert (damage == "weights") == (not np.array_equal(again.codes, first.codes))


def test_statistics_of_real_images_replace_those_of_training(run):
    trained = codes.run_codes(run)
    estimated = codes.run_codes(run, statistics="real_images")
    assert estimated.provenance["batch_norm_statistics"] == "real_images"
    assert np.abs(estimated.codes - trained.codes).max() > 1e-3


def test_the_model_is_as_it_was_after_other_statistics(run):
    before = codes.weights_hash(run.model.networks())
    estimated = codes.run_codes(run, statistics="real_images")
    assert codes.weights_hash(run.model.networks()) == before
    assert estimated.provenance["weights_sha256"] == before
    again = codes.run_codes(run, statistics="real_images")
    np.testing.assert_array_equal(again.codes, estimated.codes)


def test_a_sample_of_the_images_has_a_table_of_its_own(run):
    whole = codes.run_codes(run)
    sample = codes.run_codes(run, num_images=20)
    assert sample.provenance["num_images"] == len(sample.indices) == 20
    np.testing.assert_allclose(sample.codes, whole.codes[sample.indices], atol=1e-5)
    assert "num_images" not in whole.provenance


def test_a_set_without_factors_is_sampled(squares, monkeypatch):
    monkeypatch.setattr(codes, "SAMPLE_SIZE", 30)
    plain = types.SimpleNamespace(size=105)
    assert len(codes.choose_images(plain)) == len(set(codes.choose_images(plain))) == 30
    assert len(codes.choose_images(squares)) == 105


def test_an_unknown_representation_is_refused_with_the_nearest(run):
    with pytest.raises(ValueError, match=r"representation must be one of.*Did you mean 'r_mean'"):
        codes.run_codes(run, representation="r_meen")


def test_codes_from_a_file_are_scored_as_they_are(squares, tmp_path):
    made = np.random.default_rng(0).normal(size=[squares.size, 2])
    np.save(tmp_path / "codes.npy", made)
    table = codes.file_codes(tmp_path / "codes.npy", squares)
    np.testing.assert_array_equal(table.codes, made)
    np.testing.assert_array_equal(table.indices, np.arange(squares.size))


def test_a_file_of_codes_of_a_sample_needs_its_indices(squares, tmp_path):
    np.save(tmp_path / "codes.npy", np.zeros([10, 2]))
    with pytest.raises(ValueError, match=r"shape \[105, code_dim\].*\(10, 2\).*--indices"):
        codes.file_codes(tmp_path / "codes.npy", squares)
    np.save(tmp_path / "indices.npy", np.arange(10))
    table = codes.file_codes(tmp_path / "codes.npy", squares, indices_path=tmp_path / "indices.npy")
    assert len(table.codes) == 10


@pytest.mark.parametrize(
    ("indices", "sampled"),
    [(range(10), 10), (range(104, -1, -1), None), ([*range(104), 0], 105), ([*range(105), 0], 106)],
)
def test_codes_of_a_file_say_how_many_images_a_sample_has(squares, tmp_path, indices, sampled):
    np.save(tmp_path / "codes.npy", np.zeros([len(indices), 2]))
    np.save(tmp_path / "indices.npy", np.array(indices))
    table = codes.file_codes(tmp_path / "codes.npy", squares, indices_path=tmp_path / "indices.npy")
    assert table.provenance.get("num_images") == sampled


def test_an_archive_of_arrays_is_refused_in_one_line(squares, tmp_path):
    np.savez(tmp_path / "codes.npz", codes=np.zeros([105, 2]))
    with pytest.raises(ValueError, match=r"must be a NumPy file \(.npy\).*an archive of arrays"):
        codes.file_codes(tmp_path / "codes.npz", squares)


@pytest.mark.parametrize("content", [b"not numpy", b""])
def test_a_file_that_is_no_array_is_refused_in_one_line(squares, tmp_path, content):
    (tmp_path / "codes.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a NumPy file"):
        codes.file_codes(tmp_path / "codes.npy", squares)


def test_a_pickled_array_is_not_unpickled(squares, tmp_path):
    np.save(tmp_path / "codes.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"must be a NumPy file"):
        codes.file_codes(tmp_path / "codes.npy", squares)


def test_provenance_is_kept_beside_the_table(run):
    table = codes.run_codes(run)
    path = run.run_dir / "metrics" / "step-7" / "codes-r_mean-training.json"
    assert json.loads(path.read_text()) == table.provenance
