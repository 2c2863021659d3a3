import pathlib
import signal
import subprocess
import sys

import pytest

from ibgan_tf.training.stop_requests import stop_requests

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def terminal():
    """SIGHUP does what it does in a terminal, where the tests run under nohup, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_becomes_a_request_that_is_told_once(capfd, number):
    with stop_requests() as stop_request:
        assert stop_request() is None
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)
        assert stop_request() == number
    name = signal.Signals(number).name
    assert capfd.readouterr().err == f"{name}: stopping, with a checkpoint\n"


def test_a_second_ctrl_c_does_not_wait():
    with pytest.raises(KeyboardInterrupt), stop_requests():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_afterwards_signals_do_what_they_did_before():
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(RuntimeError), stop_requests():
        signal.raise_signal(signal.SIGINT)  # which may be of one cell of a notebook
        raise RuntimeError
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_sighup_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_requests() as stop_request:
            signal.raise_signal(signal.SIGHUP)
            assert stop_request() is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_exit_code_tells_of_the_first_signal_whatever_comes_while_the_program_ends(number):
    code = (
        "import ctypes, signal, sys\n"
        "from ibgan_tf.training.stop_requests import stop_requests\n"
        "class Late:\n"
        "    raise_signal = ctypes.CDLL(None)['raise']  # Python's handlers are gone by then\n"
        f"    def __del__(self): self.raise_signal({int(number)})\n"
        "sys.late = Late()\n"
        "with stop_requests(): signal.raise_signal(signal.SIGTERM)\n"
        f"signal.raise_signal({int(number)})\n"
        "sys.exit(143)"
    )
    root = pathlib.Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 143
