"""Writes a report: a Markdown page, an HTML page and the pictures."""

import os
import pathlib
from collections.abc import Sequence

from ibgan_tf import atomic
from ibgan_tf.reporting import collecting, markdown, page, web_page
from ibgan_tf.reporting.records import Problem

MARKDOWN_FILE, HTML_FILE, FIGURES_FOLDER = "README.md", "index.html", "figures"
_MARK = "<!-- Written by scripts/report.py: change the run records, not this file. -->\n"


def write_report(
    run_dirs: Sequence[str | os.PathLike[str]],
    output_dir: str | os.PathLike[str],
    *,
    score: str | None = None,
) -> tuple[list[pathlib.Path], tuple[Problem, ...]]:
    """Writes README.md, index.html and figures/ about many runs; an older report is replaced.

    Args:
        run_dirs: run directories.
        output_dir: the folder to write to; it is made.
        score: the score of the figures, "<metric>" or "<metric>-<protocol>"; None for the FactorVAE
            score where there is one, or any other.

    Returns:
        paths: of the two pages.
        problems: what was left out or is doubtful.

    Raises:
        ValueError: none of the folders is a run, or no run has the score.
        FileExistsError: a page would take the place of a file that isn't a report.
        OSError: a file can't be written.
    """
    collection = collecting.collect(run_dirs)
    folder = pathlib.Path(output_dir)
    paths = [folder / MARKDOWN_FILE, folder / HTML_FILE]
    for path in paths:
        _check_own(path)
    built, problems = page.build_page(collection, folder / FIGURES_FOLDER, score=score)
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(paths[0], _MARK + markdown.to_markdown(built, folder))
    atomic.write_text(paths[1], _MARK + web_page.to_html(built))
    return paths, problems


def _check_own(path: pathlib.Path) -> None:
    """Refuses to write over a file that no report wrote, such as a project's own README.md."""
    if path.exists() and _MARK.encode() != path.read_bytes()[: len(_MARK)]:
        raise FileExistsError(
            f"output_dir must be new or hold a report. Received: {path}, which scripts/report.py "
            "didn't write. Choose another --output_dir."
        )
