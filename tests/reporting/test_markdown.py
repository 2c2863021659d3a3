import pytest

from ibgan_tf.reporting import markdown
from ibgan_tf.reporting.blocks import (
    Cell,
    Folded,
    Heading,
    Link,
    Page,
    Paragraph,
    Picture,
    Table,
)


def _page(*blocks):
    return Page(title="title", blocks=blocks)


def test_a_table_has_aligned_columns_notes_and_a_caption(tmp_path):
    table = Table(
        header=[Cell("Model"), Cell("MIG", "full")],
        rows=[[Cell("ibgan"), Cell("0.5")], [Cell("vae"), Cell("0.25", "of 1 seed")]],
        numeric=[False, True],
        caption="Mean",
    )
    assert markdown.to_markdown(_page(Heading("Scores"), table), tmp_path).splitlines() == [
        "# title",
        "",
        "## Scores",
        "",
        "| Model | MIG<br><sub>full</sub> |",
        "| :--- | ---: |",
        "| ibgan | 0.5 |",
        "| vae | 0.25<br><sub>of 1 seed</sub> |",
        "",
        "<sub>Mean</sub>",
    ]


def test_pictures_are_named_from_the_page_s_own_folder(tmp_path):
    path = tmp_path / "figures" / "a b.png"
    picture = Picture(path=path, width=7, description='a "b"', caption="c")
    text = markdown.to_markdown(_page(picture), tmp_path)
    assert '<img src="figures/a%20b.png" alt="a &quot;b&quot;" width="7">' in text


def test_a_link_leads_from_the_page_s_own_folder(tmp_path):
    link = Link("What can be seen", tmp_path / "runs" / "a b" / "README.md")
    text = markdown.to_markdown(_page(link), tmp_path / "report")
    assert "[What can be seen](../runs/a%20b/README.md)" in text


def test_folded_blocks_keep_the_empty_lines_that_markdown_needs(tmp_path):
    text = markdown.to_markdown(_page(Folded(summary="More", blocks=[Paragraph("a")])), tmp_path)
    assert text.endswith("<details>\n<summary>More</summary>\n\na\n\n</details>\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b\nc", r"a\|b c"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("*a* `b` [c] $d$", r"\*a\* \`b\` \[c\] \$d\$"),
        ("batch_size=4 _a_", r"batch_size=4 \_a\_"),
        ("I^U and I^L, I^X", "I<sup>U</sup> and I<sup>L</sup>, I^X"),
    ],
)
def test_texts_are_shown_as_they_are(tmp_path, text, expected):
    assert markdown.to_markdown(_page(Paragraph(text)), tmp_path).endswith(f"\n\n{expected}\n")
