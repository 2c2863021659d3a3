import pytest

from ibgan_tf.serving import retries
from ibgan_tf.serving.status import ServingError, StatusError

TARGET = retries.Target(server="127.0.0.1:1", model="m", version=3)


class Clock:
    """A time that passes only when it is waited for, or an attempt takes some."""

    def __init__(self):
        self.now = 100.0
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


class Attempt:
    """Fails as told, one failure after the other, then answers."""

    def __init__(self, clock, *failures, takes=0.0):
        self.clock, self.failures, self.takes = clock, iter(failures), takes
        self.lefts = []

    def __call__(self, left):
        self.lefts.append(left)
        self.clock.now += self.takes
        failure = next(self.failures, None)
        if failure is not None:
            raise StatusError(*failure)
        return "answer"


def call(attempt, **patience):
    clock = attempt.clock
    return retries.call(
        attempt,
        target=TARGET,
        patience=retries.Patience(**patience),
        action="encode",
        sleep=clock.sleep,
        clock=lambda: clock.now,
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_what_may_mend_itself_is_tried_again(clock, code):
    attempt = Attempt(clock, (code, "later"), (code, "later"))
    assert call(attempt) == "answer"
    assert len(attempt.lefts) == 3


@pytest.mark.parametrize(
    "code",
    ["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "DEADLINE_EXCEEDED", "INTERNAL"],
)
def test_everything_else_is_tried_once(clock, code):
    attempt = Attempt(clock, (code, "no"))
    with pytest.raises(ServingError) as caught:
        call(attempt)
    assert caught.value.code == code
    assert len(attempt.lefts) == 1
    assert clock.waits == []


def test_retries_are_bounded_and_wait_longer_each_time(clock):
    attempt = Attempt(clock, *[("UNAVAILABLE", "refused")] * 99)
    with pytest.raises(ServingError, match=r"127.0.0.1:1 must be running.*\(5 attempts in"):
        call(attempt)
    assert len(attempt.lefts) == 5
    # 0.1 s doubled each time, of which a half to the whole is waited.
    for wait, whole in zip(clock.waits, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert whole / 2 <= wait <= whole


def test_waits_do_not_grow_for_ever(clock):
    attempt = Attempt(clock, *[("UNAVAILABLE", "refused")] * 99)
    with pytest.raises(ServingError):
        call(attempt, attempts=20, deadline=1000)
    assert max(clock.waits) <= 2.0


def test_the_deadline_is_for_all_attempts_together(clock):
    attempt = Attempt(clock, *[("UNAVAILABLE", "refused")] * 99, takes=1.0)
    with pytest.raises(ServingError):
        call(attempt, attempts=50, deadline=4.0)
    assert attempt.lefts[0] == 4.0
    assert attempt.lefts == sorted(attempt.lefts, reverse=True)
    assert clock.now <= 100.0 + 4.0 + 1.0  # the last attempt began before the end
    assert len(attempt.lefts) <= 4


def test_a_message_over_the_limit_is_not_sent_again(clock):
    attempt = Attempt(clock, ("RESOURCE_EXHAUSTED", "Received message larger than max (9 vs. 4)"))
    with pytest.raises(ServingError, match="must have at most 4 bytes.*fewer images"):
        call(attempt, max_message=4)
    assert len(attempt.lefts) == 1


def test_errors_are_one_line_and_name_what_was_asked(clock):
    attempt = Attempt(clock, ("NOT_FOUND", "Servable\n not found"))
    with pytest.raises(ServingError) as caught:
        call(attempt)
    assert str(caught.value) == (
        "The server at 127.0.0.1:1 must serve version 3 of the model 'm'. Received: NOT_FOUND: "
        "Servable not found. Check the name, the version and the label."
    )


def test_what_is_pinned_is_version_or_label():
    assert str(retries.Target(server="s:1", model="m")) == "the model 'm'"
    assert "labelled 'stable'" in str(retries.Target(server="s:1", model="m", label="stable"))
    with pytest.raises(ValueError, match="not both"):
        retries.Target(server="s:1", model="m", version=1, label="stable")


@pytest.mark.parametrize(
    "bad", [{"deadline": 0}, {"deadline": float("inf")}, {"attempts": 0}, {"max_message": 0}]
)
def test_impatience_is_refused(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        retries.Patience(**bad)
