from ibgan_tf.evaluation import afterwards
from ibgan_tf.reporting import collecting, figures, run_tables, scores, usual_codes


def _representations(run):
    return {(m.procedure.metric, m.procedure.representation) for m in run.measurements}


def test_the_usual_codes_of_different_models_stand_side_by_side(folders):
    gan = folders.make("gan")
    folders.measure(gan, "mig", 100, 0.25)
    for name in ("mig-z_mean", "mig-z_mean-seed_1", "mig-fast-z_mean-real_images"):
        folders.measure(gan, "mig", 100, 0.1, name=name, representation="z_mean")
    vae = folders.make("vae", model="vae")
    folders.measure(vae, "mig", 100, 0.5, representation="z_mean")
    runs = collecting.collect([gan, vae]).runs
    assert _representations(runs[0]) == {("mig", "r_mean or z_mean"), ("mig", "z_mean")}
    assert _representations(runs[1]) == {("mig", "r_mean or z_mean")}
    (both,) = [p for p in scores.procedures(runs) if p.representation == "r_mean or z_mean"]
    assert [scores.series(run, both) for run in runs] == [{100: 0.25}, {100: 0.5}]


def test_the_codes_of_a_reconstructor_trained_afterwards_are_a_gan_s_usual_ones(folders):
    gan, vae = folders.make("gan", model="gan"), folders.make("vae", model="vae")
    codes = "afterwards_mean"
    folders.measure(gan, "mig", 100, 0.25, name=f"mig-{codes}", representation=codes)
    folders.measure(vae, "mig", 100, 0.5, representation="z_mean")
    runs = collecting.collect([gan, vae]).runs
    assert [_representations(run) for run in runs] == [{("mig", f"{codes} or z_mean")}] * 2
    table = run_tables.procedure_table(runs, scores.procedures(runs))
    assert "afterwards_mean of gan, z_mean of vae" in [cell.text for cell in table.rows[0]]


def test_codes_of_one_name_keep_it(folders):
    gan = folders.make("gan")
    folders.measure(gan, "mig", 100, 0.25)
    vae = folders.make("vae", model="vae")
    folders.measure(vae, "dci", 100, 0.5, representation="z_mean")
    runs = collecting.collect([gan, vae]).runs
    assert [_representations(run) for run in runs] == [{("mig", "r_mean")}, {("dci", "z_mean")}]


def test_scores_that_are_measured_otherwise_are_not_brought_together(folders):
    gan = folders.make("gan")
    folders.measure(gan, "mig", 100, 0.25)
    vae = folders.make("vae", model="vae")
    folders.measure(vae, "mig", 100, 0.5, representation="z_mean", settings="fast")
    runs = collecting.collect([gan, vae]).runs
    assert len(scores.procedures(runs)) == 2


def test_a_score_of_images_has_no_codes(folders):
    run_dir = folders.make("gan")
    folders.measure(run_dir, "fid", 100, 12.5, representation="")
    assert _representations(collecting.collect([run_dir]).runs[0]) == {("fid", "")}


def test_the_rows_of_a_heat_map_are_named_by_the_run_s_own_codes(folders):
    details = {"information": [[0.5, 0.0], [0.0, 1.0]], "factor_names": ["shape", "scale"]}
    gan = folders.make("gan")
    folders.measure(gan, "mig", 100, 0.25, details=details)
    vae = folders.make("vae", model="vae")
    folders.measure(vae, "mig", 100, 0.5, representation="z_mean", details=details)
    runs = collecting.collect([gan, vae]).runs
    maps = [figures._heat_map(run.measurements[0], "information", "title") for run in runs]
    assert [one.row_labels for one in maps] == [["r0", "r1"], ["z0", "z1"]]


def test_codes_that_a_reconstructor_reads_have_the_name_that_evaluation_gives_them():
    assert afterwards.ReconstructedGAN.representations == (usual_codes.AFTERWARDS,)
