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


def test_quantities_that_no_run_has_are_left_out(folders):
    runs = _sweep(folders)
    assert len(beta.beta_table(runs, None).header) == 2 + 4
