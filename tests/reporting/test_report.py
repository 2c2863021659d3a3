import re

import pytest

from ibgan_tf.reporting import report


@pytest.fixture
def sweep(folders):
    """Two seeds, one with a log and a matrix, a run at another beta and a VAE without a log."""
    seeds = [folders.make(f"seed-{seed}", seed=seed) for seed in (1, 2)]
    details = {"information": [[0.5, 0.0], [0.0, 1.0]], "factor_names": ["shape", "scale"]}
    folders.measure(seeds[0], "factor_vae", 100, 0.25, details=details)
    folders.measure(seeds[1], "factor_vae", 100, 0.75)
    folders.log(seeds[0], [50, 100])
    other = folders.make("half", beta=0.5)
    folders.measure(other, "factor_vae", 100, 0.5)
    vae = folders.make("a|<vae>", model="beta_vae", done=False)
    folders.measure(vae, "mig", 100, 0.125)
    folders.measure(vae, "untitled", 100, None)
    folders.measure(vae, "dci", 100, 0.5).write_text("{")
    return [*seeds, other, vae]


def test_a_report_has_two_pages_and_the_pictures(sweep, tmp_path):
    paths, problems = report.write_report(sweep, tmp_path / "new" / "report")
    assert [path.name for path in paths] == ["README.md", "index.html"]
    figures = sorted(path.name for path in (tmp_path / "new" / "report" / "figures").iterdir())
    assert figures == [
        "a-vae-curves.png",
        "beta-1.png",
        "half-curves.png",
        "seed-1-curves.png",
        "seed-1-matrices.png",
        "seed-2-curves.png",
    ]
    assert [problem.path.name for problem in problems] == ["dci.json"]
    text = paths[0].read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Scores",
        "Information",
        "The effect of beta",
        "Each run",
        "How the runs were computed",
        "Left out or doubtful",
    ]
    assert "# 4 runs of ibgan, beta_vae on dsprites" in text
    assert "| 0.500 \N{PLUS-MINUS SIGN} 0.354 |" in text  # 0.5 / sqrt(2)
    assert "Not done with all their steps: a\\|&lt;vae&gt;." in text
    assert "Recorded without a number: untitled: protocol disentanglement_lib;" in text
    assert "A metric file must be JSON." in text
    page = paths[1].read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(figures)
    assert "<td>a|&lt;vae&gt;</td>" in page and "<vae>" not in page


def test_a_run_that_somebody_wrote_about_leads_there(folders, tmp_path):
    noted, plain = folders.make("noted"), folders.make("plain", seed=2)
    (noted / "README.md").write_text("What it shows.")
    (page, _), _ = report.write_report([noted, plain], tmp_path / "report")
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^\[.*\]\((.*)\)$", text, re.MULTILINE) == ["../runs/noted/README.md"]


def test_a_run_has_a_table_of_the_scores_that_the_table_of_all_does_not_tell(
    three_seeds, folders, tmp_path
):
    alone = folders.make("alone", beta=0.5)
    folders.measure(alone, "mig", 100, 0.125)
    folders.measure(alone, "sap", 50, 0.25)
    folders.measure(alone, "sap", 100, 0.375)
    (path, _), _ = report.write_report([*three_seeds.run_dirs, alone], tmp_path / "report")
    parts = path.read_text(encoding="utf-8").split("\n### ")
    (own,) = (part for part in parts if part.startswith("alone\n"))
    assert "SAP<br>" in own and "| 0.312 |" in own  # the median over two steps
    assert "MIG" not in own
    (seed,) = (part for part in parts if part.startswith("seed-1\n"))
    assert "FactorVAE score<br>" in seed


def test_a_file_without_a_number_does_not_hide_the_numbers_of_another(folders, tmp_path):
    run_dir = folders.make("a")
    folders.measure(run_dir, "untitled", 50, None, details={"size": 2.0})
    folders.measure(run_dir, "untitled", 100, None)
    (path, _), _ = report.write_report([run_dir], tmp_path / "report")
    text = path.read_text(encoding="utf-8")
    assert "| untitled | size |" in text and "Recorded without a number" not in text


def test_a_report_is_the_same_when_it_is_written_again(folders, tmp_path):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5)
    paths, _ = report.write_report([run_dir], tmp_path / "report")
    before = [path.read_bytes() for path in paths]
    assert report.write_report([run_dir], tmp_path / "report")[0] == paths
    assert [path.read_bytes() for path in paths] == before


def test_runs_without_scores_or_a_log_still_have_a_page(folders, tmp_path):
    (path, _), problems = report.write_report([folders.make("a")], tmp_path / "report")
    text = path.read_text(encoding="utf-8")
    assert "No score was found: python scripts/evaluate.py" in text and problems == ()
    assert "## Information" not in text and "seed 1; 0 steps." in text


@pytest.mark.parametrize("name", ["README.md", "index.html"])
def test_a_file_that_no_report_wrote_is_not_replaced(folders, tmp_path, name):
    (tmp_path / name).write_text("# My project\n")
    with pytest.raises(FileExistsError, match=f"Received: .*{name}, which scripts/report.py didn"):
        report.write_report([folders.make("a")], tmp_path)
    assert (tmp_path / name).read_text() == "# My project\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "runs"])


def test_runs_whose_names_make_the_same_file_name_keep_their_pictures(folders, tmp_path):
    run_dirs = [folders.make("a b", seed=1), folders.make("a-b", seed=2)]
    for run_dir in run_dirs:
        folders.measure(run_dir, "mig", 100, 0.5)
    report.write_report(run_dirs, tmp_path / "report")
    names = sorted(path.name for path in (tmp_path / "report" / "figures").iterdir())
    assert names == ["a-b-2-curves.png", "a-b-curves.png"]


def test_a_score_that_no_run_has_is_refused_before_anything_is_drawn(three_seeds, tmp_path):
    with pytest.raises(ValueError, match="Received: score='factor_vea'. Did you mean 'factor_vae'"):
        report.write_report(three_seeds.run_dirs, tmp_path / "report", score="factor_vea")
    assert not (tmp_path / "report" / "figures").exists()
