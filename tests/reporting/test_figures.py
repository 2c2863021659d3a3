import pytest
from PIL import Image

from ibgan_tf.reporting import beta, collecting, figures, grouping, scores

MATRIX = [[0.5, 0.0], [0.25, 1.0], [0.0, None]]


def _width(path):
    with Image.open(path) as image:
        return image.width


def test_the_curves_of_a_run_name_the_best_step_and_its_score(three_seeds, toy_run, tmp_path):
    run = toy_run(three_seeds.run_dirs[0])
    (chosen,) = scores.procedures([run])
    picture = figures.draw_run_curves(run, [chosen], chosen, tmp_path / "curves.png")
    assert picture.width == _width(picture.path) // 2
    assert picture.caption == (
        "seed-1: scores, information bounds and KL in nats over training steps. Dashed: the best "
        "of the steps measured, 50, with 0.750 (FactorVAE score: protocol disentanglement_lib; "
        "settings full; codes r_mean; BatchNorm statistics training; images rendered, sha256 "
        "5559f11b); picked by this score itself, so optimistic."
    )


def test_a_run_with_nothing_to_draw_has_no_curves(folders, toy_run, tmp_path):
    run_dir = folders.make("a")
    folders.measure(run_dir, "fid", 100, 31.5)
    run = toy_run(run_dir)
    procedures = scores.procedures([run])
    assert figures.draw_run_curves(run, procedures, procedures[0], tmp_path / "a.png") is None
    assert not (tmp_path / "a.png").exists()


def test_a_score_of_one_step_is_drawn_only_where_no_other_has_several(folders, toy_run):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 200, 0.5)
    folders.measure(run_dir, "fid", 200, 31.5)
    run = toy_run(run_dir)
    assert figures._lines(run, scores.procedures([run])) == {"MIG": {200: 0.5}}
    for step in (100, 200):
        folders.measure(run_dir, "sap", step, 0.25)
    run = toy_run(run_dir)
    assert figures._lines(run, scores.procedures([run])) == {"SAP": {100: 0.25, 200: 0.25}}


def test_distances_are_not_drawn_among_scores(folders, toy_run):
    run_dir = folders.make("a")
    for metric in ("mig", "kid", "kernel_classifier_distance", "unsupervised"):
        folders.measure(run_dir, metric, 200, 0.5)
    run = toy_run(run_dir)
    assert figures._lines(run, scores.procedures([run])) == {"MIG": {200: 0.5}}


def test_of_many_lines_the_first_of_each_metric_is_drawn(folders, toy_run):
    run_dir = folders.make("a")
    for number in range(8):
        folders.measure(run_dir, "mig", 200, 0.1 * number, name=f"m{number}", protocol=f"p{number}")
        folders.measure(run_dir, "sap", 200, 0.05, name=f"s{number}", protocol=f"p{number}")
    folders.measure(run_dir, "mig", 200, 0.9)
    run = toy_run(run_dir)
    found = figures._lines(run, scores.procedures([run]))
    assert found == {"MIG": {200: 0.9}, "SAP": {200: 0.05}}


@pytest.mark.parametrize(
    ("mutual", "importance"),
    [("information", "importances"), ("mutual_information", "importance")],
)
def test_the_matrices_of_the_last_step_are_drawn(folders, toy_run, tmp_path, mutual, importance):
    run_dir = folders.make("a")
    names = {"factor_names": ["shape", "scale"]}
    folders.measure(run_dir, "mig", 100, 0.5, details={mutual: MATRIX, **names})
    folders.measure(run_dir, "mig", 1000, 0.5, details={mutual: MATRIX, **names}, seed=3)
    folders.measure(run_dir, "dci", 100, 0.5, details={importance: MATRIX, **names})
    problems = []
    picture = figures.draw_run_matrices(toy_run(run_dir), tmp_path / "m.png", problems)
    how = (
        "protocol disentanglement_lib; settings full; codes r_mean; BatchNorm statistics training; "
        "images rendered, sha256 5559f11b"
    )
    assert picture.caption == (
        "a: code dimensions in rows, factors in columns. Mutual information (nats): from MIG: "
        f"{how}; step 1,000; metric seed 3. DCI importance: from DCI: {how}; step 100; metric "
        "seed 0."
    )
    assert problems == []


def test_of_several_seeds_of_a_metric_the_lowest_is_drawn(folders, toy_run, tmp_path):
    run_dir = folders.make("a")
    for seed, name in ((1, "mig-seed_1"), (0, "mig"), (2, "mig-seed_2")):
        folders.measure(
            run_dir, "mig", 9, 0.5, details={"information": MATRIX}, seed=seed, name=name
        )
    picture = figures.draw_run_matrices(toy_run(run_dir), tmp_path / "m.png", [])
    assert picture.caption.endswith("metric seed 0.")


def test_the_matrix_of_the_statistics_of_training_comes_first(folders, toy_run, tmp_path):
    run_dir = folders.make("a")
    for name, statistics in (("mig-real_images", "real_images"), ("mig", "training")):
        folders.measure(
            run_dir,
            "mig",
            100,
            0.5,
            name=name,
            details={"information": MATRIX},
            batch_norm_statistics=statistics,
        )
    picture = figures.draw_run_matrices(toy_run(run_dir), tmp_path / "m.png", [])
    assert "BatchNorm statistics training" in picture.caption


def test_rows_are_named_by_the_codes_and_columns_by_the_factors(folders, toy_run):
    run_dir = folders.make("a")
    details = {"information": MATRIX, "factor_names": ["shape", "scale"]}
    folders.measure(run_dir, "mig", 100, 0.5, details=details)
    folders.measure(run_dir, "sap", 100, 0.5, details={"information": MATRIX}, representation="")
    named, plain = (
        figures._heat_map(measured, "information", "title")
        for measured in toy_run(run_dir).measurements
    )
    assert (named.row_labels, named.column_labels) == (["r0", "r1", "r2"], ["shape", "scale"])
    assert plain.row_labels == ["code 0", "code 1", "code 2"]
    assert plain.column_labels == ["factor 0", "factor 1"]


@pytest.mark.parametrize("matrix", [[[1.0], [1.0, 2.0]], [1.0], 3.0, [["a"]], None, [], [[]], {}])
def test_what_is_no_matrix_is_a_problem_and_not_drawn(folders, toy_run, tmp_path, matrix):
    run_dir = folders.make("a")
    path = folders.measure(run_dir, "mig", 100, 0.5, details={"information": matrix})
    problems = []
    assert figures.draw_run_matrices(toy_run(run_dir), tmp_path / "m.png", problems) is None
    assert [problem.path for problem in problems] == [path]
    assert problems[0].text.startswith("information can't be drawn: ")


def test_a_sweep_says_its_runs_steps_and_how_its_score_was_measured(folders, tmp_path):
    run_dirs = [folders.make("a", beta=0.0), folders.make("b", beta=0.5)]
    for run_dir in run_dirs:
        folders.log(run_dir, [500, 1000])
        folders.measure(run_dir, "mig", 500, 0.5)
    (sweep,) = grouping.sweeps(collecting.collect(run_dirs).runs)
    chosen = scores.choose(sweep, "mig")
    picture = figures.draw_sweep(sweep, chosen, tmp_path / "beta.png")
    assert "2 runs of ibgan on dsprites (rendered, sha256 5559f11b), 1,000 steps each" in (
        picture.caption
    )
    assert picture.caption.endswith("images rendered, sha256 5559f11b; last measured at step 500.")
    assert _width(picture.path) == 3 * 720


def test_the_picture_of_a_sweep_leaves_out_what_was_measured_at_other_steps(
    folders, tmp_path, monkeypatch
):
    run_dirs = [folders.make(name, beta=value) for name, value in (("a", 0), ("b", 1), ("c", 2))]
    for run_dir, last in zip(run_dirs, (1000, 1000, 500), strict=True):
        folders.log(run_dir, [500, 1000])
        folders.measure(run_dir, "mig", last, 0.5)
    runs = collecting.collect(run_dirs).runs
    drawn = []
    monkeypatch.setattr(
        figures.sweeps, "sweep_picture", lambda panels, path, **_: drawn.extend(panels)
    )
    monkeypatch.setattr(figures, "picture_of", lambda path, description, caption: caption)
    caption = figures.draw_sweep(runs, scores.choose(runs, "mig"), tmp_path / "beta.png")
    assert drawn[-1].lines["last value"] == [(0.0, 0.5), (1.0, 0.5)]
    assert caption.endswith("last measured at step 1,000.") and beta.SAME_STEPS in caption


def test_a_sweep_without_values_has_no_picture(folders, tmp_path):
    runs = collecting.collect([folders.make("a", beta=0.0), folders.make("b", beta=0.5)]).runs
    assert figures.draw_sweep(runs, None, tmp_path / "beta.png") is None
