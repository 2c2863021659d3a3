"""What scripts that compare models print, and how verify_results.py ends."""

import pathlib

import pytest

from ibgan_tf.evaluation import agreement, centrality, verify


@pytest.mark.parametrize(
    ("verdict", "code"), [(verify.SAME, 0), (verify.SKIPPED, 0), (verify.DIFFERENT, 1)]
)
def test_a_score_that_differs_ends_verify_results_with_1(
    run_main, monkeypatch, capsys, verdict, code
):
    path = pathlib.Path("one/metrics/step-7/mig.json")
    one = verify.Verdict(path=path, step=7, recorded=0.5, found=0.4, verdict=verdict)
    monkeypatch.setattr(verify, "verify_results", lambda folder, *, data_dir: iter([one]))
    assert run_main("verify_results.py") == code
    assert f"1 {verdict}" in capsys.readouterr().out.splitlines()[-1]


def test_udr_prints_the_best_run_first(run_main, monkeypatch, capsys):
    found = {"a": 0.25, "b": 0.75}
    monkeypatch.setattr(
        agreement,
        "evaluate_agreement",
        lambda run_dirs, **_: [{"score": found[name], "step": 7} for name in run_dirs],
    )
    run_main("udr.py", "a", "b")
    assert capsys.readouterr().out.splitlines() == ["0.750  b, step 7", "0.250  a, step 7"]


def test_centrality_prints_the_best_model_first(run_main, monkeypatch, capsys):
    asked, found = {}, {"a": 0.25, "b": 0.75}

    def evaluate(run_dirs, **settings):
        asked.update(settings)
        return [(name, {"score": found[name], "step": 7}) for name in run_dirs]

    monkeypatch.setattr(centrality, "evaluate_centrality", evaluate)
    run_main("centrality.py", "--step=all", "--first_step=5", "a", "b")
    assert capsys.readouterr().out.splitlines() == ["0.750  b, step 7", "0.250  a, step 7"]
    assert (asked["step"], asked["first_step"]) == ("all", 5)
