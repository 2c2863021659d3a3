import json

from ibgan_tf.reporting import collecting, run_tables, scores

DASH = "\N{EN DASH}"


def _cells(table):
    return [[(cell.text, cell.note) for cell in row] for row in table.rows]


def _header(table):
    return [cell.text for cell in table.header]


def test_a_run_has_its_last_median_and_best_score(folders, toy_run):
    run_dir = folders.make("a")
    for step, score in ((1000, 0.25), (2000, 0.75), (3000, 0.5)):
        folders.measure(run_dir, "mig", step, score)
    folders.measure(run_dir, "dci", 3000, 0.125)
    folders.measure(run_dir, "dci", 3000, 0.375, seed=1, name="dci-1")
    run = toy_run(run_dir)
    table = run_tables.run_score_table(run, scores.procedures([run]))
    how = "disentanglement_lib, full"
    assert _cells(table) == [
        [
            ("MIG", how),
            ("0.500", "at step 3,000"),
            ("0.500", ""),
            ("0.750", "at step 2,000"),
            ("3", ""),
        ],
        [
            ("DCI", how),
            ("0.250", "at step 3,000, 2 metric seeds"),
            (DASH, ""),
            (DASH, ""),
            ("1", ""),
        ],
    ]


def test_a_run_without_scores_has_no_table_of_them(folders, toy_run):
    assert run_tables.run_score_table(toy_run(folders.make("a")), []) is None


def test_each_procedure_is_told_in_full(folders):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5, seed=0, seconds=1.0)
    folders.measure(run_dir, "mig", 100, 0.5, seed=1, seconds=2.0, name="mig-1")
    runs = collecting.collect([run_dir]).runs
    table = run_tables.procedure_table(runs, scores.procedures(runs))
    assert dict(zip(_header(table), [cell.text for cell in table.rows[0]], strict=True)) == {
        "Score": "MIG",
        "Protocol": "disentanglement_lib",
        "Settings": "full",
        "Codes": "r_mean",
        "BatchNorm statistics": "training",
        "Images": "rendered, sha256 5559f11b",
        "Metric seeds": "0, 1",
        "Seconds": "1.500",
        "Versions": "numpy 2.4.6",
    }


def test_what_is_the_same_in_every_row_moves_to_the_caption(folders):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5)
    folders.measure(run_dir, "sap", 100, 0.5, protocol="ibgan", seconds=None)
    runs = collecting.collect([run_dir]).runs
    table = run_tables.procedure_table(runs, scores.procedures(runs))
    assert _header(table) == ["Score", "Protocol", "Seconds"]
    assert [cell.text for cell in table.rows[1]] == ["SAP", "ibgan", "not recorded"]
    assert table.caption == (
        "The same in every row. Settings: full; Codes: r_mean; BatchNorm statistics: training; "
        "Images: rendered, sha256 5559f11b; Metric seeds: 0; Versions: numpy 2.4.6."
    )


def test_each_run_has_its_seed_hours_hardware_and_code(folders):
    run_dir = folders.make("a", seed=7, steps=20000, done=False)
    folders.log(run_dir, [7200, 14400])  # at 2 steps a second
    table = run_tables.runs_table(collecting.collect([run_dir]).runs)
    (cells,) = _cells(table)
    assert dict(zip(_header(table), cells, strict=True)) == {
        "Run": ("a", ""),
        "Model and preset": ("ibgan", "dsprites_fast"),
        "Data": ("dsprites", "rendered, sha256 5559f11b"),
        "Seed": ("7", ""),
        "Steps": ("14,400", "of 20,000"),
        "Hours": ("2.0", ""),
        "Computed on": ("AMD EPYC, 2 threads", ""),
        "Code": ("commit f69c8b716c", "python 3.11.7, tensorflow 2.21.0"),
    }


def test_segments_that_differ_are_all_told(folders):
    run_dir = folders.make("a")
    (first,) = json.loads((run_dir / "environment.json").read_text())
    second = first | {"devices": ["CPU", "GPU NVIDIA H100"], "commit": "abc-dirty", "step": 50}
    (run_dir / "environment.json").write_text(json.dumps([first, first, second, {"cpu": None}, 3]))
    (cells,) = _cells(run_tables.runs_table(collecting.collect([run_dir]).runs))
    assert cells[-2] == (
        "AMD EPYC, 2 threads; GPU NVIDIA H100, AMD EPYC, 2 threads; CPU",
        "",
    )
    assert cells[-1] == (
        "commit f69c8b716c; commit abc-dirty",
        "python 3.11.7, tensorflow 2.21.0",
    )


def test_commands_are_told_with_the_steps_they_went_on_from(folders):
    run_dir = folders.make("a", seed=7)
    table = run_tables.commands_table(collecting.collect([run_dir]).runs)
    assert _cells(table) == [
        [("a", ""), ("0", ""), ("scripts/train.py --dataset=dsprites --seed=7", "")]
    ]
    (run_dir / "environment.json").unlink()
    assert run_tables.commands_table(collecting.collect([run_dir]).runs) is None
