from ibgan_tf.reporting import collecting, grouping, information

MINUS, PLUS_MINUS = "\N{MINUS SIGN}", "\N{PLUS-MINUS SIGN}"


def _groups(*run_dirs):
    return grouping.group_runs(collecting.collect(run_dirs).runs)


def test_the_logged_bounds_are_those_of_the_last_rows(three_seeds, texts):
    table = information.logged_information_table(_groups(*three_seeds.run_dirs))
    assert texts(table) == [
        ["Model", "Step", "Seeds", "I^U", "I^L", "I^L", f"I^U {MINUS} I^L"],
        [
            "ibgan",
            "100",
            "3",
            f"4.000 {PLUS_MINUS} 1.000",
            f"2.000 {PLUS_MINUS} 0.000",
            f"2.500 {PLUS_MINUS} 0.000",
            f"2.000 {PLUS_MINUS} 1.000",
        ],
    ]
    assert [cell.note for cell in table.header[-3:]] == [
        "nats, unit variance",
        "nats, fitted variance",
        "nats, unit variance",
    ]


def test_a_log_without_bounds_has_no_table(folders):
    assert information.logged_information_table(_groups(folders.make("a"))) is None


def test_bounds_measured_after_training_have_a_table_with_their_samples(folders, texts):
    run_dirs = [folders.make(f"seed-{seed}", seed=seed) for seed in (1, 2)]
    for number, run_dir in enumerate(run_dirs):
        details = {
            "information_upper_bound": 3.0 + number,
            "information_lower_bound": 2.0,
            "gap": 1.0 + number,
            "active_dimensions": 4,
            "num_samples": 10000,
        }
        folders.measure(run_dir, "information", 100, 2.0, protocol="ibgan_tf", details=details)
    (table,) = information.measured_information_tables(_groups(*run_dirs))
    assert texts(table) == [
        ["Model", "Step", "Seeds", "I^U", "I^L", f"I^U {MINUS} I^L", "Active dimensions"],
        [
            "ibgan",
            "100",
            "2",
            f"3.500 {PLUS_MINUS} 0.707",
            f"2.000 {PLUS_MINUS} 0.000",
            f"1.500 {PLUS_MINUS} 0.707",
            f"4 {PLUS_MINUS} 0",
        ],
    ]
    assert table.caption.startswith(
        "Measured after training, 10,000 samples (information: protocol ibgan_tf; settings full; "
    )
    assert "E KL(q(z|x) || p(z)) over real images for a VAE" in table.caption
