import pytest

from ibgan_tf.reporting import tables

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


@pytest.fixture
def score_table(read_groups):
    """Gives a function that returns the table with a column for each score."""

    def make(run_dirs):
        groups, procedures = read_groups(run_dirs)
        return tables.grouped_table(groups, tables.score_columns(groups, procedures), "Scores.")

    return make


def test_the_score_of_a_group_is_the_mean_and_deviation_of_its_last_steps(
    three_seeds, texts, score_table
):
    table = score_table(three_seeds.run_dirs)
    assert texts(table) == [
        ["Model", "Step", "Seeds", "FactorVAE score"],
        ["ibgan", "100", "3", f"0.800 {PLUS_MINUS} 0.100"],
    ]
    assert table.header[-1].note == "disentanglement_lib"
    assert table.numeric == [False, True, True, True]


def test_groups_have_rows_of_their_own_with_what_differs(three_seeds, folders, texts, score_table):
    other = folders.make("other", beta=0.5)
    folders.measure(other, "factor_vae", 100, 0.25)
    table = score_table([*three_seeds.run_dirs, other])
    assert [row[1:] for row in texts(table)[1:]] == [
        ["beta=0.141", "100", "3", f"0.800 {PLUS_MINUS} 0.100"],
        ["beta=0.5", "100", "1", "0.250"],
    ]


def test_runs_at_different_last_steps_are_never_averaged(three_seeds, folders, texts, score_table):
    behind = folders.make("behind", seed=4)
    folders.measure(behind, "factor_vae", 50, 0.25)
    table = score_table([*three_seeds.run_dirs, behind])
    rows = [row[1:] for row in texts(table)[1:]]
    assert rows == [["100", "3", f"0.800 {PLUS_MINUS} 0.100"], ["50", "1", "0.250"]]


def test_a_score_of_fewer_seeds_than_its_row_says_so(three_seeds, score_table):
    three_seeds.folders.measure(three_seeds.run_dirs[0], "mig", 100, 0.25)
    cell = score_table(three_seeds.run_dirs).rows[0][-1]
    assert (cell.text, cell.note) == ("0.250", "of 1 seed")


def test_the_spread_over_metric_seeds_is_in_small_print(folders, score_table):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.4, seed=0)
    folders.measure(run_dir, "mig", 100, 0.6, seed=1, name="mig-1")
    cell = score_table([run_dir]).rows[0][-1]  # the deviation of 0.4 and 0.6 is 0.2 / sqrt(2)
    assert (cell.text, cell.note) == ("0.500", f"{PLUS_MINUS} 0.141, 2 metric seeds")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"representation": "z_mean"}, "disentanglement_lib, z_mean"),
        ({"batch_norm_statistics": "real_images"}, "disentanglement_lib, real_images"),
        ({"settings": ""}, "disentanglement_lib, not recorded"),
    ],
)
def test_the_header_says_what_tells_scores_apart(folders, change, note, score_table):
    run_dir = folders.make("a")
    folders.measure(run_dir, "mig", 100, 0.5)
    folders.measure(run_dir, "mig", 100, 0.25, name=f"mig-{note.split()[-1]}", **change)
    table = score_table([run_dir])
    notes = {row.text: head.note for head, row in zip(table.header, table.rows[0], strict=True)}
    assert notes["0.250"] == note


def test_what_all_scores_share_is_a_sentence(three_seeds, read_groups):
    _, procedures = read_groups(three_seeds.run_dirs)
    assert tables.shared_text(procedures) == (
        "Settings: full; Codes: r_mean; BatchNorm statistics: training; "
        "Images: rendered, sha256 5559f11b."
    )
    assert tables.shared_text([]) == ""


def test_letters_of_groups_are_told_by_what_is_not_as_in_most(folders, texts, read_groups):
    changed = {"widths": (8, 8), "batch_size": 8, "precision": "bfloat16"}
    groups, _ = read_groups(
        [
            folders.make("a", beta=0.25),
            folders.make("b", beta=0.5),
            folders.make("c", beta=0.25, **changed),
        ]
    )
    (table,) = tables.settings_tables(groups)
    assert texts(table) == [
        ["Model", "Settings", "Not as in most"],
        ["ibgan", "A", "\N{EN DASH}"],
        ["ibgan", "B", "beta=0.5"],
        ["ibgan", "C", "batch_size=8, precision=bfloat16, widths=8,8"],
    ]
    assert table.caption == ("In most: batch_size=4, precision=float32, beta=0.25, widths=32,32.")


def test_groups_that_differ_in_few_settings_need_no_letters(folders, read_groups):
    groups, _ = read_groups([folders.make("a"), folders.make("b", beta=0.5)])
    assert tables.settings_tables(groups) == []
