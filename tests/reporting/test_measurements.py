import json

import pytest

from ibgan_tf.reporting import measurements


def _write(tmp_path, text, *, step=100):
    path = tmp_path / "metrics" / f"step-{step}" / "mig.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_metric_file_gives_its_score_and_how_it_was_measured(folders):
    run_dir = folders.make("a")
    path = folders.measure(run_dir, "mig", 100, 0.25, seed=3, details={"gap": 0.5, "n": [1, 2]})
    read = measurements.read(path)
    assert (read.procedure.metric, read.procedure.protocol) == ("mig", "disentanglement_lib")
    assert (read.procedure.settings, read.procedure.representation) == ("full", "r_mean")
    assert read.procedure.batch_norm_statistics == "training"
    assert read.procedure.data_source == "rendered, sha256 5559f11b"
    assert (read.step, read.seed, read.seconds) == (100, 3, 1.25)
    assert read.numbers() == {"score": 0.25, "gap": 0.5}


def test_details_may_stand_beside_the_score(tmp_path):
    path = _write(tmp_path, json.dumps({"metric": "mig", "score": 0.5, "entropy": 2, "step": 100}))
    assert measurements.read(path).numbers() == {"score": 0.5, "entropy": 2.0}


def test_what_a_file_does_not_say_is_empty(tmp_path):
    path = _write(tmp_path, '{"metric": "mig", "score": null, "details": 3, "versions": []}')
    read = measurements.read(path)
    assert read.procedure.protocol == read.procedure.data_source == ""
    assert read.score is None and read.step == 100 and read.numbers() == {}


def test_notes_on_the_codes_are_no_metric(tmp_path):
    assert measurements.read(_write(tmp_path, '{"codes_sha256": "aa", "step": 100}')) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"metric": "mig", "score": 0.', "A metric file must be JSON. Received: "),
        ("[1]", r"must hold an object. Received: \[1\]"),
        ('{"score": 0.5}', "metric must be a name. Received: metric=None"),
        ('{"metric": "mig"}', "score must be a finite number or null. Received: score=none"),
        ('{"metric": "mig", "score": "1"}', "Received: score='1'"),
        ('{"metric": "mig", "score": NaN}', "Received: score=nan"),
        ('{"metric": "mig", "score": true}', "Received: score=True"),
        ('{"metric": "mig", "score": 1, "step": 7}', "of the folder, 100. Received: step=7"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        measurements.read(_write(tmp_path, text))


def test_files_are_in_the_order_of_their_steps(folders):
    run_dir = folders.make("a")
    for step in (1000, 200):
        for metric in ("mig", "dci"):
            folders.measure(run_dir, metric, step, 0.5)
    (run_dir / "metrics" / "step-200" / "codes.npy").write_text("")
    (run_dir / "metrics" / "events").mkdir()
    found = [f"{path.parent.name}/{path.name}" for path in measurements.files(run_dir)]
    names = ["step-200/dci.json", "step-200/mig.json", "step-1000/dci.json", "step-1000/mig.json"]
    assert found == names
    assert measurements.files(run_dir / "nothing") == []
