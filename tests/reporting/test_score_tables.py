import dataclasses

import pytest

from ibgan_tf.reporting import score_tables

DASH = "\N{EN DASH}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def test_a_score_has_a_row_and_a_group_a_column(three_seeds, folders, texts, read_groups):
    other = folders.make("other", beta=0.5)
    folders.measure(other, "factor_vae", 100, 0.25)
    folders.measure(other, "mig", 100, 0.125)
    (table,) = score_tables.score_tables(*read_groups([*three_seeds.run_dirs, other]))
    assert texts(table) == [
        ["Score", "Protocol", "ibgan", "ibgan"],
        ["FactorVAE score", "disentanglement_lib", f"0.800 {PLUS_MINUS} 0.100", "0.250"],
        ["MIG", "disentanglement_lib", DASH, "0.125"],
    ]
    assert [cell.note for cell in table.header[2:]] == [
        "beta=0.141; step 100; 3 seeds",
        "beta=0.5; step 100; 1 seed",
    ]
    assert table.numeric == [False, False, True, True]
    assert table.caption.startswith("Trained on dsprites (rendered, sha256 5559f11b). Mean ")
    assert table.caption.endswith(
        "Settings: full; Codes: r_mean; BatchNorm statistics: training; "
        "Images: rendered, sha256 5559f11b."
    )


def test_runs_at_different_last_steps_are_never_averaged(three_seeds, folders, texts, read_groups):
    behind = folders.make("behind", seed=4)
    folders.measure(behind, "factor_vae", 50, 0.25)
    (table,) = score_tables.score_tables(*read_groups([*three_seeds.run_dirs, behind]))
    assert texts(table)[1][2:] == [f"0.800 {PLUS_MINUS} 0.100", "0.250"]
    assert [cell.note for cell in table.header[2:]] == ["step 100; 3 seeds", "step 50; 1 seed"]


def test_a_score_of_fewer_seeds_than_its_column_says_so(three_seeds, read_groups):
    three_seeds.folders.measure(three_seeds.run_dirs[0], "mig", 100, 0.25)
    (table,) = score_tables.score_tables(*read_groups(three_seeds.run_dirs))
    cell = table.rows[1][-1]
    assert (cell.text, cell.note) == ("0.250", "of 1 seed")


@pytest.mark.parametrize(
    ("change", "header", "texts"),
    [
        ({"representation": "z_mean"}, "Codes", ["r_mean", "z_mean"]),
        (
            {"batch_norm_statistics": "real_images"},
            "BatchNorm statistics",
            ["training", "real_images"],
        ),
        ({"settings": ""}, "Settings", ["full", "not recorded"]),
    ],
)
def test_what_tells_scores_apart_has_a_column(folders, change, header, texts, read_groups):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5)
    folders.measure(run_dir, "mig", 100, 0.25, name=f"mig-{texts[1]}", **change)
    (table,) = score_tables.score_tables(*read_groups([run_dir]))
    shown = {row[-1].text: row[2].text for row in table.rows}
    assert table.header[2].text == header
    assert shown == {"0.500": texts[0], "0.250": texts[1]}


def test_many_groups_are_shared_out_over_tables_that_fit_a_page(folders, read_groups):
    run_dirs = [folders.make(f"run-{number}", beta=0.1 * number) for number in range(10)]
    for run_dir in run_dirs:
        folders.measure(run_dir, "mig", 100, 0.5)
    folders.measure(run_dirs[-1], "sap", 100, 0.5)
    first, second = score_tables.score_tables(*read_groups(run_dirs))
    assert [len(table.header) for table in (first, second)] == [2 + 8, 2 + 2]
    assert [len(table.rows) for table in (first, second)] == [1, 2]  # no row of dashes


def test_a_group_with_a_letter_is_called_by_it(folders, read_groups):
    changed = {"widths": (8, 8), "batch_size": 8, "precision": "bfloat16"}
    run_dirs = [folders.make("a", beta=0.25), folders.make("b", beta=0.5, **changed)]
    for run_dir in run_dirs:
        folders.measure(run_dir, "mig", 100, 0.5)
    (table,) = score_tables.score_tables(*read_groups(run_dirs))
    assert table.header[2].note == "settings A; step 100; 1 seed"


def test_details_that_are_numbers_have_rows(three_seeds, texts, read_groups):
    for number, run_dir in enumerate(three_seeds.run_dirs):
        details = {"eval_accuracy": 0.25 * number, "per_factor": [1, 2], "converged": True}
        details["num_active_dims"] = 7
        three_seeds.folders.measure(run_dir, "sap", 100, 0.5, details=details)
    (table,) = score_tables.detail_tables(*read_groups(three_seeds.run_dirs))
    assert texts(table) == [
        ["Score", "Number", "Protocol", "ibgan"],
        ["SAP", "eval accuracy", "disentanglement_lib", f"0.250 {PLUS_MINUS} 0.250"],
        ["SAP", "num active dims", "disentanglement_lib", f"7 {PLUS_MINUS} 0"],
    ]


def test_the_votes_of_each_factor_have_a_row(three_seeds, texts, read_groups):
    for number, run_dir in enumerate(three_seeds.run_dirs):
        details = {"factor_names": ["shape", "position_x"]}
        details["factor_accuracy"] = [0.25 * number, 1.0]
        three_seeds.folders.measure(run_dir, "factor_vae", 100, 0.5, details=details)
    (table,) = score_tables.factor_tables(*read_groups(three_seeds.run_dirs))
    assert texts(table) == [
        ["Factor", "ibgan"],
        ["shape", f"0.250 {PLUS_MINUS} 0.250"],
        ["position x", f"1.000 {PLUS_MINUS} 0.000"],
    ]
    assert "The part of each factor's votes that is right. FactorVAE score: " in table.caption


@pytest.mark.parametrize(
    "details",
    [
        {"factor_names": ["shape"]},
        {"factor_accuracy": [0.5]},
        {"factor_names": ["shape"], "factor_accuracy": [0.5, 0.5]},
        {"factor_names": ["shape"], "factor_accuracy": ["half"]},
        {"factor_names": "shape", "factor_accuracy": [0.5]},
    ],
)
def test_damaged_votes_are_left_out(folders, details, read_groups):
    run_dir = folders.make("a")
    folders.measure(run_dir, "factor_vae", 100, 0.5, details=details)
    assert score_tables.factor_tables(*read_groups([run_dir])) == []


def test_without_numbers_there_is_no_table(three_seeds, read_groups):
    groups, procedures = read_groups(three_seeds.run_dirs)
    assert score_tables.detail_tables(groups, procedures) == []
    assert score_tables.score_tables(groups, []) == []
    assert score_tables.score_tables([dataclasses.replace(groups[0], runs=())], procedures) == []
