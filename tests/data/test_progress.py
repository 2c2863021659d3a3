import itertools
import sys
import time

from ibgan_tf.data import progress


def test_quick_work_draws_nothing(capsys):
    assert list(progress.progress_bar("abc", total=3, title="Rendering")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_slow_work_draws_a_bar_on_stderr_up_to_100_percent(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    seconds = itertools.count(start=0.0, step=0.6)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    assert list(progress.progress_bar(range(4), total=4, title="Rendering")) == [0, 1, 2, 3]
    out, err = capsys.readouterr()
    assert out == ""
    half = "#" * 20 + "." * 20
    assert err.split("\r")[1] == f"Rendering [{half}]  50%"  # after 1.2 s, the first beyond 1 s
    assert err.endswith(f"Rendering [{'#' * 40}] 100%\n")


def test_frequent_chunks_are_not_each_drawn(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    seconds = itertools.count(start=0.0, step=0.1)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    list(progress.progress_bar(range(100), total=100, title="Rendering"))
    assert 10 < capsys.readouterr().err.count("\r") < 22  # ten seconds, two drawings in each


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    seconds = itertools.count(start=0.0, step=20.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    list(progress.progress_bar(range(4), total=4, title="Rendering"))
    half, whole = "#" * 20 + "." * 20, "#" * 40
    # After 20, 40, 60 and 80 s: a line is due after 30 s, and at the end.
    assert capsys.readouterr().err == f"Rendering [{half}]  50%\nRendering [{whole}] 100%\n"
