"""A page as one HTML file that needs nothing else: pictures and style are in it."""

import base64
import html
import re
from collections.abc import Sequence

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

_STYLE = """
:root { color-scheme: light; --ink: #1c1f24; --faint: #6a727d; --line: #d9dde2; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); line-height: 1.55; font-size: 16px;
  font-family: Inter, "Helvetica Neue", "Segoe UI", "Liberation Sans", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 3.5rem 2rem 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 3.2rem 0 0.9rem; padding-bottom: 0.35rem;
  border-bottom: 1px solid var(--line); letter-spacing: -0.01em; }
h3 { font-size: 1.03rem; margin: 2.2rem 0 0.6rem; overflow-wrap: anywhere; }
p { max-width: 46rem; margin: 0.6rem 0; overflow-wrap: anywhere; }
nav { margin: 1.4rem 0 0; font-size: 0.9rem; }
nav a { margin-right: 1.4rem; white-space: nowrap; }
a { color: #1f5fa8; text-decoration: none; }
a:hover { text-decoration: underline; }
figure { margin: 1.3rem 0 1.8rem; }
figure.table { overflow-x: auto; }
img { display: block; max-width: 100%; height: auto; }
figcaption, caption { color: var(--faint); font-size: 0.84rem; line-height: 1.45;
  text-align: left; max-width: 54rem; }
figcaption { margin-top: 0.6rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 0.875rem; line-height: 1.35;
  font-variant-numeric: tabular-nums lining-nums; border-top: 1.5px solid var(--ink);
  border-bottom: 1.5px solid var(--ink); }
th, td { padding: 0.45rem 0.65rem 0.45rem 0; text-align: left; vertical-align: top; }
th + th, td + td { padding-left: 0.65rem; }
th:last-child, td:last-child { padding-right: 0; }
th { font-weight: 600; vertical-align: bottom; border-bottom: 1px solid var(--ink); }
td { border-top: 1px solid #eceef1; overflow-wrap: break-word; }
tbody tr:first-child td { border-top: 0; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
td.number small { white-space: normal; }
small { display: block; color: var(--faint); font-size: 0.76rem; font-weight: 400; }
sup { line-height: 0; font-size: 0.72em; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: #1f5fa8; font-size: 0.9rem; }
details p { font-size: 0.875rem; max-width: 60rem; }
@media print { main { padding: 0; max-width: none; } nav { display: none; }
  figure { break-inside: avoid; } }
"""


def to_html(page: Page) -> str:
    """Returns a page as HTML.

    Args:
        page: the page; its pictures are on the disk.

    Returns:
        text: one file, without links to others.

    Raises:
        OSError: a picture can't be read.
    """
    title = _inline(page.title)
    sections = [block for block in page.blocks if isinstance(block, Heading) and block.level == 2]
    links = " ".join(f'<a href="#{_anchor(s.text)}">{_inline(s.text)}</a>' for s in sections)
    first, *others = map(_block, page.blocks)
    body = "\n".join([f"<h1>{title}</h1>", first, f"<nav>{links}</nav>", *others])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    """Returns a block as HTML."""
    match block:
        case Heading(text, level):
            anchor = f' id="{_anchor(text)}"' if level == 2 else ""
            return f"<h{level}{anchor}>{_inline(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{_inline(text)}</p>"
        case Link(text, path):
            return f"<p>{_inline(text)}: {_inline(f'{path.parent.name}/{path.name}')}</p>"
        case Table():
            return _table(block)
        case Picture():
            data = base64.b64encode(block.path.read_bytes()).decode()
            names = f'alt="{html.escape(block.description)}" width="{block.width}"'
            image = f'<img src="data:image/png;base64,{data}" {names}>'
            return f"<figure>{image}\n<figcaption>{_inline(block.caption)}</figcaption></figure>"
        case Folded():
            inner = "\n".join(map(_block, block.blocks))
            return f"<details><summary>{_inline(block.summary)}</summary>\n{inner}</details>"


def _table(table: Table) -> str:
    """Returns a table as HTML, its caption below it."""
    header = _row(table.header, table.numeric, "th")
    rows = "\n".join(_row(row, table.numeric, "td") for row in table.rows)
    caption = f"<figcaption>{_inline(table.caption)}</figcaption>" if table.caption else ""
    return (
        f'<figure class="table"><table>\n<thead>{header}</thead>\n<tbody>\n{rows}\n</tbody>\n'
        f"</table>{caption}</figure>"
    )


def _row(cells: Sequence[Cell], numeric: Sequence[bool], tag: str) -> str:
    """Returns a row of a table."""
    parts = []
    for cell, is_number in zip(cells, numeric, strict=True):
        kind = ' class="number"' if is_number else ""
        note = f"<small>{_inline(cell.note)}</small>" if cell.note else ""
        parts.append(f"<{tag}{kind}>{_inline(cell.text)}{note}</{tag}>")
    return f"<tr>{''.join(parts)}</tr>"


def _anchor(text: str) -> str:
    """Returns the name that links to a heading."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _inline(text: str) -> str:
    """Returns a text so that a browser shows it as it is, and I^L as a superscript."""
    return re.sub(r"\bI\^([LU])\b", r"I<sup>\1</sup>", html.escape(text))
