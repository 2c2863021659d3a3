import base64
import html.parser

import numpy as np

from ibgan_tf.plotting import grids
from ibgan_tf.reporting import web_page
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

_VOID = {"meta", "img", "br", "link"}


class _Reader(html.parser.HTMLParser):
    """Collects tags, attributes and texts, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())

    def attributes(self, tag):
        return [own for name, own in self.tags if name == tag]


def _page(*blocks):
    return Page(title="a < b", blocks=[Paragraph("introduction"), *blocks])


def test_a_page_is_sound_html_that_links_to_its_sections():
    blocks = [Heading("How it was"), Paragraph("I^L"), Heading("part", 3)]
    folded = Folded(summary="More", blocks=[Paragraph("inner")])
    reader = _Reader(web_page.to_html(_page(*blocks, folded)))
    assert reader.attributes("a") == [{"href": "#how-it-was"}]
    assert reader.attributes("h2") == [{"id": "how-it-was"}] and reader.attributes("sup")
    assert reader.texts.count("a < b") == 2 and "inner" in reader.texts


def test_a_table_has_its_numbers_to_the_right_and_its_notes_in_small_print():
    table = Table(
        header=[Cell("Model"), Cell("MIG", "full")],
        rows=[[Cell("ibgan"), Cell("0.5")]],
        numeric=[False, True],
        caption="Mean",
    )
    reader = _Reader(web_page.to_html(_page(table)))
    assert reader.attributes("th") == [{}, {"class": "number"}]
    assert reader.attributes("td") == [{}, {"class": "number"}]
    assert {"full", "0.5", "Mean"} <= set(reader.texts)


def test_pictures_are_in_the_page_itself(tmp_path):
    grids.save_png(tmp_path / "a.png", np.zeros([4, 4], np.uint8))
    picture = Picture(path=tmp_path / "a.png", width=2, description='"a"', caption="c")
    (image,) = _Reader(web_page.to_html(_page(picture))).attributes("img")
    head, _, data = image["src"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == (tmp_path / "a.png").read_bytes()
    assert (image["alt"], image["width"]) == ('"a"', "2")


def test_a_file_beside_the_page_is_named(tmp_path):
    reader = _Reader(web_page.to_html(_page(Link("Notes", tmp_path / "run-1" / "README.md"))))
    assert "Notes: run-1/README.md" in reader.texts and not reader.attributes("a")


def test_nothing_is_fetched_and_nothing_in_a_name_is_run():
    table = Table(header=[Cell("<b>")], rows=[[Cell("&", "<i>")]], numeric=[False])
    text = web_page.to_html(_page(Heading("<script>alert(1)</script>", 3), table))
    reader = _Reader(text)
    assert not {"script", "link", "b", "i", "iframe"} & {tag for tag, _ in reader.tags}
    assert "http" not in text and "url(" not in text and "@import" not in text
