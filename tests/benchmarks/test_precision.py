"""Runs of different precision are compared by their largest dimensions and their last steps."""

import dataclasses
import json
import types

import pytest

from ibgan_tf.plotting import curves
from ibgan_tf.runs import record


@pytest.fixture
def precision(load_benchmark):
    return load_benchmark("precision")


def test_the_dimensions_drawn_are_the_largest_at_the_end(precision):
    rows = [{"step": 1, "kl/r00": 9.0}, {"step": 2, "kl/r00": 0.5, "kl/r01": 2.0, "kl/r02": 1.0}]
    assert precision.lines(rows, dimensions=2) == {
        "I^L": "information_lower_bound",
        "I^U": "information_upper_bound",
        "KL 1": "kl/r01",
        "KL 2": "kl/r02",
    }


def test_what_is_printed_is_the_mean_over_the_last_tenth(precision, tmp_path, monkeypatch, capsys):
    for name, lower in (("float32", 2.0), ("bfloat16", 4.0)):
        folder = tmp_path / name
        folder.mkdir()
        names = [field.name for field in dataclasses.fields(record.RunRecord)]
        values = dict.fromkeys(names) | {"format": 1, "options": {"precision": name}}
        (folder / "config.json").write_text(json.dumps(values))
        rows = [
            {
                "step": step,
                "information_lower_bound": lower + (step == 20),
                "information_upper_bound": 5.0 if step > 18 else 0.0,
                "kl/r00": 0.25,
            }
            for step in range(1, 31)  # of which those after 20 are not asked for
        ]
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = (str(tmp_path / "float32"), str(tmp_path / "bfloat16"))
    output = tmp_path / "curves.png"
    monkeypatch.setattr(
        precision,
        "FLAGS",
        types.SimpleNamespace(runs=runs, steps=20, dimensions=1, output=str(output)),
    )
    monkeypatch.setattr(precision.command_line, "required", lambda name: runs)
    drawn = []
    monkeypatch.setattr(curves, "curves", lambda rows, groups, path: drawn.append((rows, groups)))
    precision.main([])
    assert capsys.readouterr().out.splitlines() == [
        "| nats | float32 | bfloat16 |",
        "|---|---|---|",
        "| I^L | 2.50 | 4.50 |",  # steps 19 and 20
        "| I^U | 5.00 | 5.00 |",
        "| KL 1 | 0.25 | 0.25 |",
    ]
    ((rows, groups),) = drawn
    assert max(row["step"] for row in rows) == 20
    assert [group.title for group in groups] == ["I^L", "I^U", "KL 1"]
