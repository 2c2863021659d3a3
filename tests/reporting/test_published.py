from ibgan_tf.reporting import collecting, grouping, published, scores

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def _tables(run_dirs):
    runs = collecting.collect(run_dirs).runs
    return published.published_tables(grouping.group_runs(runs), scores.procedures(runs))


def test_a_score_stands_beside_that_of_the_paper_by_every_protocol(three_seeds, texts):
    for run_dir in three_seeds.run_dirs:
        three_seeds.folders.measure(
            run_dir, "factor_vae", 100, 0.5, name="factor_vae-ibgan", protocol="ibgan"
        )
    (table,) = _tables(three_seeds.run_dirs)
    header, row = texts(table)
    name = "FactorVAE score"
    difference = ["Difference", "Difference"]
    assert header == ["Model", "Step", "Seeds", name, name, "Published", *difference, "Where"]
    notes = [cell.note for cell in table.header[3:8]]
    assert notes == ["disentanglement_lib", "ibgan", "", "disentanglement_lib", "ibgan"]
    ours = [f"0.800 {PLUS_MINUS} 0.100", f"0.500 {PLUS_MINUS} 0.000"]
    paper = [f"0.80 {PLUS_MINUS} 0.07", "+0.00", "\N{MINUS SIGN}0.30", "IB-GAN, Table 1"]
    assert row == ["ibgan", "100", "3", *ours, *paper]


def test_a_model_that_no_paper_has_or_that_was_not_measured_has_no_row(folders, texts):
    measured = folders.make("a")
    folders.measure(measured, "factor_vae", 100, 0.5)
    unknown = folders.make("b", model="not_yet_written")
    folders.measure(unknown, "factor_vae", 100, 0.25)
    (table,) = _tables([measured, unknown, folders.make("c", model="vae")])
    assert [row[0] for row in texts(table)[1:]] == ["ibgan"]


def test_a_score_that_no_paper_has_makes_no_table(folders):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5)
    assert _tables([run_dir]) == []


def test_dci_is_compared_by_the_protocol_of_the_paper_alone(folders, texts):
    """0.67 +- 0.07 is of regression forests; of boosted trees it is another quantity."""
    run_dir = folders.make("a")
    folders.measure(run_dir, "dci", 100, 0.4)
    folders.measure(run_dir, "dci", 100, 0.6, name="dci-infogan_cr", protocol="infogan_cr")
    (table,) = _tables([run_dir])
    header, row = texts(table)
    assert header == ["Model", "Step", "Seeds", "DCI", "DCI", "Published", "Difference", "Where"]
    assert [cell.note for cell in table.header[3:5]] == ["disentanglement_lib", "infogan_cr"]
    assert table.header[6].note == "infogan_cr"
    paper = [f"0.67 {PLUS_MINUS} 0.07", "\N{MINUS SIGN}0.07", "InfoGAN-CR, table of dSprites"]
    assert row == ["ibgan", "100", "1", "0.400", "0.600", *paper]


def test_infogan_with_spectral_norm_is_compared_with_the_tuned_one(folders, texts):
    run_dirs = []
    for spectral_norm in (False, True):
        name = f"spectral_norm-{spectral_norm}"
        run_dirs.append(folders.make(name, model="infogan"))
        config = run_dirs[-1] / "config.json"
        text = config.read_text().replace(
            '"model_config": {', f'"model_config": {{"spectral_norm": {str(spectral_norm).lower()},'
        )
        config.write_text(text)
        folders.measure(run_dirs[-1], "factor_vae", 100, 0.5)
    (table,) = _tables(run_dirs)
    assert [row[-3] for row in texts(table)[1:]] == [
        f"0.61 {PLUS_MINUS} 0.03",
        f"0.82 {PLUS_MINUS} 0.01",
    ]


def test_the_difference_is_told_in_the_spread_of_the_paper(folders, texts):
    """0.80 +- 0.07 for IB-GAN: 0.75 is 0.05 below, 0.59 is three times 0.07 below."""
    run_dirs = []
    for beta, score in ((0.1, 0.75), (0.2, 0.59)):
        run_dirs.append(folders.make(f"beta-{beta}", beta=beta))
        folders.measure(run_dirs[-1], "factor_vae", 100, score)
    (table,) = _tables(run_dirs)
    cells = [row[-2] for row in table.rows]
    assert [(cell.text, cell.note) for cell in cells] == [
        ("\N{MINUS SIGN}0.05", "within its spread"),
        ("\N{MINUS SIGN}0.21", "3.0 times its spread"),
    ]


def test_a_paper_without_a_spread_has_the_difference_alone(folders):
    run_dir = folders.make("a", model="joint_vae")
    folders.measure(run_dir, "factor_vae", 100, 0.75)
    (table,) = _tables([run_dir])
    assert (table.rows[0][-2].text, table.rows[0][-2].note) == ("+0.06", "")


def test_a_longer_run_stands_beside_the_others_at_their_step_too(folders, texts):
    shorter, longer = folders.make("a", model="vae"), folders.make("b")
    folders.measure(shorter, "factor_vae", 60, 0.5)
    for step, score in ((30, 0.1), (60, 0.6), (100, 0.7)):
        folders.measure(longer, "factor_vae", step, score)
    (table,) = _tables([shorter, longer])
    rows = {tuple(row[:4]) for row in texts(table)[1:]}
    assert rows == {
        ("vae", "60", "1", "0.500"), ("ibgan", "100", "1", "0.700"), ("ibgan", "60", "1", "0.600"),
    }  # fmt: skip
