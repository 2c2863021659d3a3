from ibgan_tf.reporting import beta, collecting, scores

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def _sweep(folders):
    """Two seeds at beta 0 and one at 0.5: three steps each, the third with the highest bounds."""
    run_dirs = []
    for name, value, seed, upper in (("a", 0.0, 1, 3.0), ("b", 0.0, 2, 6.0), ("c", 0.5, 1, 1.5)):
        run_dir = folders.make(name, beta=value, seed=seed)
        folders.log(run_dir, [100, 200, 300], upper=upper, lower=0.3)
        for step, score in ((100, 0.25), (200, 0.5), (300, 0.125 * seed)):
            folders.measure(run_dir, "mig", step, score)
        run_dirs.append(run_dir)
    return collecting.collect(run_dirs).runs


def test_each_beta_has_the_last_value_and_the_median_over_the_run(folders):
    runs = _sweep(folders)
    table = beta.beta_table(runs, scores.choose(runs, "mig"))
    header = [(cell.text, cell.note) for cell in table.header]
    parts = ["last value", "median over the run"]
    names = ["I^U (nats)", "I^L (nats)", "MIG"]
    assert header == [("beta", ""), ("Seeds", ""), *[(n, p) for n in names for p in parts]]
    # I^U rises in thirds: 1, 2, 3 and 2, 4, 6. Scores 0.25, 0.5, then 0.125 or 0.25.
    assert [[cell.text for cell in row] for row in table.rows] == [
        [
            "0.0",
            "2",
            f"4.500 {PLUS_MINUS} 2.121",
            f"3.000 {PLUS_MINUS} 1.414",
            f"0.300 {PLUS_MINUS} 0.000",
            f"0.200 {PLUS_MINUS} 0.000",
            f"0.188 {PLUS_MINUS} 0.088",
            f"0.250 {PLUS_MINUS} 0.000",
        ],
        ["0.5", "1", "1.500", "1.000", "0.300", "0.200", "0.125", "0.250"],
    ]
    assert table.caption.endswith("Runs of 300 steps.")


def test_only_runs_that_were_measured_at_the_same_steps_are_averaged(folders):
    runs = _sweep(folders)
    late = folders.make("late", beta=0.5, seed=2)
    folders.log(late, [100, 200, 300], upper=1.5)
    folders.measure(late, "mig", 300, 1.0)  # the last step alone, as evaluate.py does by itself
    early = folders.make("early", beta=0.5, seed=3)
    folders.log(early, [100, 200, 300], upper=1.5)
    for step in (100, 200):
        folders.measure(early, "mig", step, 1.0)
    runs = [*runs, *collecting.collect([late, early]).runs]
    table = beta.beta_table(runs, scores.choose(runs, "mig"))
    last, median = table.rows[1][-2:]
    assert (last.text, last.note) == (f"0.562 {PLUS_MINUS} 0.619", "of 2 seeds")  # 0.125 and 1
    assert (median.text, median.note) == ("0.250", "of 1 seed")
    assert table.rows[1][2].note == ""  # the logs have the same steps
    assert beta.SAME_STEPS in table.caption


def test_of_as_many_runs_those_with_later_steps_count(folders):
    runs = []
    for name, value, steps in (("a", 0.0, [100]), ("b", 0.5, [100, 200]), ("c", 1.0, [50])):
        run_dir = folders.make(name, beta=value)
        for step in steps:
            folders.measure(run_dir, "mig", step, 0.25)
        runs += collecting.collect([run_dir]).runs
    values = beta.quantities(scores.choose(runs, "mig"))["MIG"]
    assert beta.usual_steps(runs, values, tuple) == (100, 200)
    assert beta.points(runs, values, tuple) == [(0.5, 0.25)]


def test_quantities_that_no_run_has_are_left_out(folders):
    runs = _sweep(folders)
    assert len(beta.beta_table(runs, None).header) == 2 + 4
