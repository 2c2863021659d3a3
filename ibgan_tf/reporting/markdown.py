"""A page as Markdown, with its pictures beside it."""

import html
import os
import pathlib
import re
import urllib.parse

from ibgan_tf.reporting.blocks import (
    Block,
    Cell,
    Folded,
    Heading,
    Link,
    Page,
    Paragraph,
    Picture,
    Table,
)

# What Markdown, or GitHub's formulas, would take for a mark. An underscore within a word is none.
_MARKS = re.compile(r"[\\`*\[\]|$~#]|(?<!\w)_|_(?!\w)")


def to_markdown(page: Page, folder: pathlib.Path) -> str:
    """Returns a page as Markdown.

    Args:
        page: the page.
        folder: where the file will lie, for the paths of the pictures.

    Returns:
        text: GitHub's Markdown.
    """
    parts = [f"# {_inline(page.title)}", *(_block(block, folder) for block in page.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, folder: pathlib.Path) -> str:
    """Returns a block as Markdown."""
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_inline(text)}"
        case Paragraph(text):
            return _inline(text)
        case Link(text, path):
            return f"[{_inline(text)}]({_relative(path, folder)})"
        case Table():
            return _table(block)
        case Picture():
            names = f'alt="{html.escape(block.description)}" width="{block.width}"'
            picture = f'<img src="{_relative(block.path, folder)}" {names}>'
            return f"{picture}\n\n<sub>{_inline(block.caption)}</sub>"
        case Folded():
            inner = "\n\n".join(_block(inner, folder) for inner in block.blocks)
            summary = f"<summary>{_inline(block.summary)}</summary>"
            return f"<details>\n{summary}\n\n{inner}\n\n</details>"


def _relative(path: pathlib.Path, folder: pathlib.Path) -> str:
    """Returns the address of a file, as seen from the page's folder."""
    return urllib.parse.quote(pathlib.Path(os.path.relpath(path, folder)).as_posix())


def _table(table: Table) -> str:
    """Returns a table as Markdown, its caption below it."""
    rule = "|".join(" ---: " if numeric else " :--- " for numeric in table.numeric)
    lines = [_row(table.header), f"|{rule}|", *map(_row, table.rows)]
    caption = f"\n\n<sub>{_inline(table.caption)}</sub>" if table.caption else ""
    return "\n".join(lines) + caption


def _row(cells: list[Cell]) -> str:
    """Returns a row of a table."""
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(cell: Cell) -> str:
    """Returns a cell: its text, and its note in small print under it."""
    note = f"<br><sub>{_inline(cell.note)}</sub>" if cell.note else ""
    return _inline(cell.text) + note


def _inline(text: str) -> str:
    """Returns a text so that Markdown shows it as it is, and I^L as a superscript."""
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKS.sub(lambda mark: "\\" + mark[0], text)
    return re.sub(r"\bI\^([LU])\b", r"I<sup>\1</sup>", text)
