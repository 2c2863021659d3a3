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
    assert header == ["Model", "Step", "Seeds", name, name, "Published", "Where"]
    assert [cell.note for cell in table.header[3:5]] == ["disentanglement_lib", "ibgan"]
    ours = [f"0.800 {PLUS_MINUS} 0.100", f"0.500 {PLUS_MINUS} 0.000"]
    paper = [f"0.80 {PLUS_MINUS} 0.07", "IB-GAN, Table 1"]
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
    assert [row[-2] for row in texts(table)[1:]] == [
        f"0.61 {PLUS_MINUS} 0.03",
        f"0.82 {PLUS_MINUS} 0.01",
    ]
