import json
import shutil

import numpy as np
import pytest

from ibgan_tf.serving import card, export, gate, warm_up
from ibgan_tf.serving.packing import unpack


@pytest.fixture(scope="module")
def described(published):
    return card.read(published.path)


def exported(published, model_dir, **settings):
    report = []
    path = export.export_run(published.run, model_dir, report=report.append, **settings)
    return path, report


# The card


def test_the_card_says_what_was_exported(published, described):
    assert described["name"] == "small-ibgan" and described["version"] == 1
    assert described["method"] == "ibgan" and described["about"].startswith("IB-GAN: ")
    assert described["dataset"] == "dsprites" and described["step"] == 7
    assert described["data_source"] == {"source": "rendered"}
    assert described["settings"]["z_dim"] == 4


def test_the_card_has_the_kl_of_each_dimension_that_can_be_turned(published, described):
    noise, code = described["latent"]
    assert noise == {"name": "z", "size": 4, "traversable": False, "range": None}
    assert code["name"] == "r" and code["traversable"]
    kl = published.run.model.dimension_kl(4096).numpy()
    np.testing.assert_allclose(code["kl"], kl, rtol=1e-5)


def test_the_card_has_the_scores_of_the_exported_step(published, tmp_path):
    run_dir = shutil.copytree(published.run.run_dir, tmp_path / "run")
    for step, score in ((6, 0.1), (7, 0.75)):
        folder = run_dir / "metrics" / f"step-{step}"
        folder.mkdir(parents=True)
        result = {"metric": "mig", "protocol": "p", "score": score, "details": {"gaps": [1]}}
        (folder / "mig.json").write_text(json.dumps(result))
        (folder / "codes-r_mean-training.json").write_text(json.dumps({"model": "ibgan"}))
    import ibgan_tf

    scores = card._scores(ibgan_tf.load_run(run_dir))
    assert scores == [{"metric": "mig", "protocol": "p", "score": 0.75}]


def test_the_card_describes_inputs_with_their_ranges(described):
    signatures = described["signatures"]
    assert signatures["encode"]["inputs"]["images"]["range"] == [-1.0, 1.0]
    assert signatures["traverse"]["inputs"]["dimension"]["range"] == [0, 2]
    assert signatures["serving_default"]["inputs"]["z"]["range"] is None
    assert signatures["generate_from_r_uint8"]["outputs"]["images"]["range"] == [0, 255]
    assert signatures["generate_from_r"]["inputs"]["r"]["shape"] == [None, 3]


def test_the_cards_sample_is_a_request_and_what_the_model_answers(published, described):
    sample = described["samples"]["generate_from_r"]
    r = unpack(sample["request"]["r"])
    images = published.run.model.generate_from_r(r).numpy()
    np.testing.assert_allclose(unpack(sample["response"]["images"]), images, atol=1e-6)
    assert unpack(sample["response"]["valid"]).tolist() == [True]
    assert set(described["samples"]) == set(described["signatures"])


def test_the_card_has_the_hash_of_every_other_file(published, described):
    import hashlib

    files = {path.relative_to(published.path): path for path in published.path.rglob("*.*")}
    found = {
        str(name): hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.is_file() and path.name != "model_card.json"
    }
    found["assets.extra/tf_serving_warmup_requests"] = described["files"][
        "assets.extra/tf_serving_warmup_requests"
    ]
    assert described["files"] == found


# Warm-up requests


def test_every_signature_is_warmed_up(published, described):
    requests = warm_up.read(published.path)
    assert sorted(name for name, _ in requests) == sorted(described["signatures"])
    for name, inputs in requests:
        for key, array in inputs.items():
            wanted = unpack(described["samples"][name]["request"][key])
            np.testing.assert_array_equal(array, wanted)


def test_without_the_messages_one_line_says_so_and_the_export_passes(
    published, tmp_path, monkeypatch
):
    monkeypatch.setattr(warm_up, "is_available", lambda: False)
    path, report = exported(published, tmp_path / "small")
    assert report[0] == warm_up.NOT_WRITTEN and "\n" not in report[0]
    assert not (path / "assets.extra" / "tf_serving_warmup_requests").exists()
    assert warm_up.NOT_REPLAYED in report


# Versions


def test_a_refused_export_leaves_nothing_and_the_served_version_in_place(
    published, tmp_path, monkeypatch
):
    def refuse(path, **_):
        assert card.read(path)["version"] == 4  # all is written when the gate looks
        raise gate.refusal(path, ["a reason"])

    monkeypatch.setattr(gate, "check_contents", refuse)
    model_dir = tmp_path / "small"
    (model_dir / "3").mkdir(parents=True)
    with pytest.raises(ValueError, match="must pass the gate.*a reason"):
        exported(published, model_dir)
    assert [path.name for path in model_dir.iterdir()] == ["3"]


@pytest.mark.parametrize("size", [3000, 20_000])
def test_a_full_disk_is_told_and_nothing_is_left(published, tmp_path, full_disk, size):
    model_dir = tmp_path / "small"
    (model_dir / "3").mkdir(parents=True)
    with pytest.raises(OSError) as error, full_disk(size):
        exported(published, model_dir)
    assert "small/.tmp-" in str(error.value)
    assert [path.name for path in model_dir.iterdir()] == ["3"]
