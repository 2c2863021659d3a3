"""What a page consists of, before it is Markdown or HTML. Texts are plain; I^L is a superscript."""

import dataclasses
import pathlib
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Heading:
    """A heading: level 2 of a section, 3 of a part of one."""

    text: str
    level: int = 2


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclasses.dataclass(frozen=True)
class Link:
    """A text that leads to a file beside the page; the HTML page only names it."""

    text: str
    path: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, and a small note under it."""

    text: str
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        header: one for each column.
        rows: a cell for each column.
        numeric: which columns are numbers, and stand to the right.
        caption: what the numbers are.
    """

    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    numeric: Sequence[bool]
    caption: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG.

    Attributes:
        path: the file.
        description: what one who can't see it should know.
        caption: what it shows, with the numbers' protocol, settings and data.
        width: pixels of the screen, where a dense screen has several for one of them.
    """

    path: pathlib.Path
    width: int
    description: str
    caption: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folded:
    """Blocks that are shown when the reader asks for them."""

    summary: str
    blocks: Sequence["Block"]


Block = Heading | Paragraph | Link | Table | Picture | Folded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """A whole report."""

    title: str
    blocks: Sequence[Block]
