"""Kept results are computed again from the kept weights; what doesn't fit is told."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from ibgan_tf.data import DATASETS
from ibgan_tf.evaluation import afterwards, codes, evaluate, live, verify
from ibgan_tf.runs.load import load_run


@pytest.fixture
def results_dir(scored_run, tmp_path):
    """A folder with one record of two steps, and something that is no record."""
    evaluate.evaluate_run(
        scored_run,
        step="all",
        metrics=["mig", "factor_vae", "information"],
        protocols=["all"],
        settings="fast",
        seed=2,
    )
    folder = tmp_path / "results"
    shutil.copytree(scored_run, folder / "one")
    (folder / "notes").mkdir()
    return folder


def change(path, **values):
    """Changes fields of a result's file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def verdicts(folder):
    return {f"{one.path.parent.name}/{one.path.stem}": one for one in verify.verify_results(folder)}


def test_a_single_record_can_be_checked(results_dir):
    assert verdicts(results_dir / "one") == verdicts(results_dir)


def test_results_of_the_same_weights_are_the_same_and_nothing_is_written(results_dir):
    before = sorted(path for path in results_dir.rglob("*"))
    for path in results_dir.rglob("codes-*"):
        path.write_text("not read")
    found = verdicts(results_dir)
    assert len(found) == 2 * 6  # mig has two protocols, factor_vae three
    assert {one.verdict for one in found.values()} == {verify.SAME}
    assert all(one.found == pytest.approx(one.recorded, abs=1e-6) for one in found.values())
    assert sorted(path for path in results_dir.rglob("*")) == before


def test_another_score_other_weights_and_no_weights_are_told(results_dir):
    metrics = results_dir / "one" / "metrics"
    score = json.loads((metrics / "step-7/mig-fast-seed_2.json").read_text())["score"]
    change(metrics / "step-7/mig-fast-seed_2.json", score=score + 0.02)
    change(metrics / "step-7/information-seed_2.json", weights_sha256="00ff")
    change(metrics / "step-7/factor_vae-fast-seed_2.json", metric="old_metric")
    shutil.rmtree(results_dir / "one" / "weights" / "step-3")
    found = verdicts(results_dir)
    assert found["step-7/mig-fast-seed_2"].verdict == verify.DIFFERENT
    assert found["step-7/mig-fast-seed_2"].found == pytest.approx(score, abs=1e-6)
    information = found["step-7/information-seed_2"]
    assert (information.verdict, information.note) == (
        verify.DIFFERENT,
        "the kept weights are not those that were scored",
    )
    assert found["step-7/factor_vae-fast-seed_2"].note == "this version has no metric 'old_metric'"
    assert found["step-7/factor_vae-ibgan-fast-seed_2"].verdict == verify.SAME
    earlier = [one for name, one in found.items() if name.startswith("step-3/")]
    assert {(one.verdict, one.note) for one in earlier} == {
        (verify.SKIPPED, "no weights of this step are kept")
    }


def test_a_record_whose_images_are_not_here_is_named_and_the_next_is_checked(
    results_dir, monkeypatch
):
    shutil.copytree(results_dir / "one", results_dir / "two")
    opened = []

    class AbsentAtFirst(DATASETS["small_squares"]):
        def __init__(self, *arguments, **settings):
            opened.append(self)
            if len(opened) <= 2:  # the two steps of the first record
                raise FileNotFoundError("The data folder must have the images.")
            super().__init__(*arguments, **settings)

    monkeypatch.setitem(DATASETS, "small_squares", AbsentAtFirst)
    found = list(verify.verify_results(results_dir))
    by_record = {name: [v for v in found if name in v.path.parts] for name in ("one", "two")}
    assert {(v.verdict, v.note) for v in by_record["one"]} == {
        (verify.SKIPPED, "The data folder must have the images.")
    }
    assert {v.verdict for v in by_record["two"]} == {verify.SAME}
    assert len(opened) == 4  # once for each step


def test_results_of_training_are_computed_on_their_sample_again(scored_run, monkeypatch):
    monkeypatch.setattr(live, "NUM_IMAGES", 40)
    run = load_run(scored_run)
    kept = live.evaluate_model(
        run.model, run.dataset, name="ibgan", step=run.step, run_dir=scored_run
    )
    found = verdicts(scored_run.parent)
    assert len(found) == len(kept) == len(live.METRICS_IN_TRAINING)
    assert {one.verdict for one in found.values()} == {verify.SAME}


def test_a_reconstructor_from_afterwards_is_trained_as_it_was(scored_run, monkeypatch):
    evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    how = afterwards.Training(steps=7, batch_size=3, learning_rate=0.5, seed=2)
    reconstructor = dataclasses.asdict(how) | {"trained": "afterwards"}
    change(scored_run / "metrics/step-7/mig-fast.json", reconstructor=reconstructor)
    asked = []

    def with_reconstructor(run, training):
        asked.append(training)
        return run

    monkeypatch.setattr(afterwards, "with_reconstructor", with_reconstructor)
    (found,) = verdicts(scored_run.parent).values()
    assert (asked, found.verdict) == ([how], verify.SAME)


def test_a_kept_reconstructor_is_read_and_a_lost_one_that_comes_out_otherwise_is_not_compared(
    gan_run, monkeypatch
):
    how = afterwards.Training(steps=2, batch_size=4)
    evaluate.evaluate_run(gan_run, metrics=["mig"], settings="fast", reconstructor=how)
    train = afterwards.train
    monkeypatch.setattr(afterwards, "train", pytest.fail)
    (found,) = verdicts(gan_run.parent).values()
    assert (found.verdict, found.note) == (verify.SAME, "")
    shutil.rmtree(codes.metrics_folder(gan_run, 5) / afterwards.FOLDER)
    monkeypatch.setattr(afterwards, "train", lambda *_: None)  # as another processor: other weights
    (found,) = verdicts(gan_run.parent).values()
    assert (found.verdict, found.found) == (verify.SKIPPED, None)
    assert found.note == "its reconstructor isn't kept, and one trained here is another"
    monkeypatch.setattr(afterwards, "train", train)
    (found,) = verdicts(gan_run.parent).values()
    assert found.verdict == verify.SAME


def test_other_statistics_are_estimated_again(scored_run):
    evaluate.evaluate_run(
        scored_run, metrics=["mig"], statistics="real_images", representation="z_mean"
    )
    (found,) = verdicts(scored_run.parent).values()
    assert (found.verdict, found.path.stem) == (verify.SAME, "mig-z_mean-real_images")


@pytest.mark.parametrize("name", ["udr", "model_centrality"])
def test_a_score_among_several_runs_needs_the_others(scored_run, name):
    evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    change(scored_run / "metrics/step-7/mig-fast.json", metric=name)
    (found,) = verdicts(scored_run.parent).values()
    assert (found.verdict, found.note) == (verify.SKIPPED, "needs other runs")


def test_a_result_on_other_data_says_so(scored_run):
    evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    change(scored_run / "metrics/step-7/mig-fast.json", data_source={"sha256": "11"})
    (found,) = verdicts(scored_run.parent).values()
    assert found.note == "on other data"


def test_the_tolerance_is_a_hundredth_of_the_score_and_a_little():
    assert verify.is_close("mig", 0.5, 0.5054)
    assert not verify.is_close("mig", 0.5, 0.5056)
    assert not verify.is_close("mig", 0.0209, 0.0260)
    assert verify.is_close("factor_vae", 0.5, 0.5099)
    assert not verify.is_close("factor_vae", 0.5, 0.5101)
    assert not verify.is_close("mig", 0.0, np.nan)


def test_a_folder_without_results_is_refused(scored_run, tmp_path):
    assert codes.metrics_folder(scored_run, 7).exists() is False
    with pytest.raises(FileNotFoundError, match="results_dir must hold records"):
        list(verify.verify_results(tmp_path))


def test_a_damaged_result_is_named(scored_run):
    path = codes.metrics_folder(scored_run, 7) / "mig.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"step-7/mig.json must be JSON"):
        list(verify.verify_results(scored_run.parent))


def test_the_table_has_a_line_for_each_result(results_dir):
    lines = [verify.table_line(one) for one in verify.verify_results(results_dir)]
    assert lines[0].split()[:3] == ["one", "3", "factor_vae-fast-seed_2"]
    assert lines[0].split()[-1] == "same"
    assert verify.table_line().split() == ["record", "step", "result", "recorded", "found"]
