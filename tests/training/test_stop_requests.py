import signal

import pytest

from ibgan_tf.training.stop_requests import stop_requests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
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
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(RuntimeError), stop_requests():
        raise RuntimeError
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
