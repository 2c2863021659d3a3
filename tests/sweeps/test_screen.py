import io
import types

import pytest

from ibgan_tf.sweeps import screen
from ibgan_tf.sweeps.screen import Screen


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Closed(io.StringIO):
    def write(self, text):
        raise OSError("the terminal is gone")


def test_in_a_file_every_state_is_a_line_and_there_are_few(monkeypatch):
    stream = io.StringIO()
    shown = Screen(stream)
    assert not shown.is_due()
    shown.say("started a")
    shown.show("1 of 2 runs done")
    assert stream.getvalue() == "started a\n1 of 2 runs done\n"
    monkeypatch.setattr(screen, "_FILE_INTERVAL", 0.0)
    assert Screen(stream).is_due()


def test_in_a_terminal_a_state_takes_the_place_of_the_last_and_is_cut_to_a_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "10")
    stream = Terminal()
    shown = Screen(stream)
    shown.show("1 of 2 runs done")
    shown.say("finished a")
    assert stream.getvalue() == "\r\x1b[K1 of 2 ru\r\x1b[Kfinished a\n"


def test_a_terminal_that_is_gone_stops_nothing():
    shown = Screen(Closed())
    shown.say("started a")
    shown.show("1 of 2 runs done")


@pytest.mark.parametrize(("stream", "interval"), [(io.StringIO, 60.0), (Terminal, 1.0)])
def test_a_state_is_due_an_interval_after_the_last(monkeypatch, stream, interval):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(screen, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    shown = Screen(stream())
    for _ in range(2):
        assert not shown.is_due()
        clock.now += interval
        assert shown.is_due()
        shown.show("1 of 2 runs done")
