"""What a sweep's state notes, shows and tells in the end; no process is started."""

import io
import json
import shlex

import pytest

from ibgan_tf.sweeps.job import Job, Outcome
from ibgan_tf.sweeps.journal import Journal
from ibgan_tf.sweeps.plan import PlannedRun
from ibgan_tf.sweeps.screen import Screen
from ibgan_tf.sweeps.state import SweepState
from ibgan_tf.sweeps.study import Evaluation

SCORED = Evaluation(metrics=("mig",), seed=(0, 1))
FIRST, SECOND = "--metrics=mig", "--metrics=mig --seed=1"  # its evaluations in the journal
DONE = Outcome(status="finished", reason="", seconds=65.4)
BROKEN = Outcome(status="failed", reason="the loss isn't finite", seconds=2.0)
HALTED = Outcome(status="stopped", reason="SIGTERM: stopping", seconds=1.0)


def planned(name, *, steps=100, evaluation=None):
    settings = {"model": "toy", "steps": steps}
    return PlannedRun(name=name, given={}, settings=settings, evaluation=evaluation)


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Gives a state of three runs a, b and c of 100 steps; its own parts are seen through it."""
    monkeypatch.setattr("ibgan_tf.sweeps.screen._FILE_INTERVAL", 0.0)
    return Sweep(tmp_path)


class Sweep:
    """A sweep's folder, journal and screen, and the state of runs in them."""

    def __init__(self, folder):
        self.folder, self.shown, self.journal = folder, io.StringIO(), Journal(folder)

    def state(self, *, left="abc", evaluation=None, num_left=None, board=None):
        """Returns the state; the runs `left` have a job, of all evaluations or of the last few."""
        runs = [planned(name, evaluation=evaluation) for name in "abc"]
        jobs = [self.job(name, evaluation, num_left) for name in left]
        return SweepState(runs, jobs, self.folder, self.journal, Screen(self.shown), board)

    def job(self, name, evaluation=None, num_left=None):
        made = [("evaluate", FIRST), ("evaluate", SECOND)] if evaluation else []
        return Job(
            run=name,
            run_dir=str(self.folder / name),
            log_path=str(self.folder / "logs" / f"{name}.log"),
            train=("train", f"--name={name}"),
            resume=("resume", name),
            evaluations=tuple(made if num_left is None else made[len(made) - num_left :]),
            evaluation_environment={},
        )

    def has_trained(self, name, step, *, speed):
        """Writes the log of a run."""
        (self.folder / name).mkdir()
        row = {"step": step, "steps_per_second": speed}
        (self.folder / name / "log.jsonl").write_text(json.dumps(row) + "\n")

    def last(self, name):
        """Returns the last row of a run but for its time, as the disk has it."""
        row = dict(Journal(self.folder).last(name))
        del row["time"]
        return row

    def lines(self):
        return self.shown.getvalue().splitlines()


# The journal


def test_a_start_is_noted_with_its_commands_as_a_shell_takes_them(sweep):
    job = sweep.job("a", SCORED)
    sweep.state().started(job)
    commands = [shlex.join(command) for command in (job.train, *job.evaluations)]
    assert commands[-1] == "evaluate '--metrics=mig --seed=1'"
    assert sweep.last("a") == {"event": "started", "run": "a", "commands": commands}
    assert sweep.lines() == ["started   a"]


def test_what_a_finished_run_was_evaluated_by_is_noted_once_after_what_was_known(sweep):
    sweep.journal.add("finished", "a", evaluated=["--metrics=sap", FIRST])
    sweep.state(evaluation=SCORED).ended(sweep.job("a", SCORED), DONE)
    evaluated = ["--metrics=sap", FIRST, SECOND]
    row = {"event": "finished", "run": "a", "seconds": 65.4, "evaluated": evaluated}
    assert sweep.last("a") == row
    assert sweep.lines() == ["finished  a in 0:01:05"]


@pytest.mark.parametrize("outcome", [BROKEN, HALTED])
def test_a_run_that_does_not_finish_is_noted_with_its_reason_and_what_was_known(sweep, outcome):
    sweep.journal.add("finished", "a", evaluated=[FIRST])
    state, job = sweep.state(evaluation=SCORED), sweep.job("a", SCORED)
    state.started(job)
    assert sweep.last("a")["evaluated"] == [FIRST]
    state.ended(job, outcome)
    assert sweep.last("a") == {
        "event": outcome.status,
        "run": "a",
        "seconds": outcome.seconds,
        "reason": outcome.reason,
        "evaluated": [FIRST],
    }
    assert sweep.lines()[-1] == f"{outcome.status:<9} a: {outcome.reason}"


def test_of_a_run_that_was_never_evaluated_nothing_is_noted(sweep):
    sweep.state().ended(sweep.job("a"), BROKEN)
    assert "evaluated" not in sweep.last("a")
    sweep.state().ended(sweep.job("a"), DONE)
    assert sweep.last("a")["evaluated"] == []


# TensorBoard


def test_the_board_is_given_the_runs_that_have_ended_well_or_not(sweep):
    written = []
    sweep.journal.add("finished", "c")
    state = sweep.state(board=lambda *given: written.append(given))
    state.write_board()
    state.started(sweep.job("a"))
    state.ended(sweep.job("a"), BROKEN)
    state.ended(sweep.job("b"), HALTED)
    folders, runs, statuses = zip(*written, strict=True)
    assert set(folders) == {sweep.folder}
    assert [[run.name for run in own] for own in runs] == [["a", "b", "c"]] * 3
    assert list(statuses) == [{"c": True}, {"a": False, "c": True}, {"a": False, "c": True}]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device", "/sweep/events"), "No space left on device: /sw"),
        (ValueError("a damaged\nlog"), "a damaged log"),
    ],
)
def test_a_board_that_cannot_be_written_is_told_in_one_line_and_not_tried_again(sweep, error, text):
    calls = []

    def write(*given):
        calls.append(given)
        raise error

    state = sweep.state(board=write)
    state.write_board()
    state.ended(sweep.job("a"), DONE)
    assert len(calls) == 1
    warning, *others = sweep.lines()
    assert warning.startswith(f"warning: HParams for TensorBoard can't be written: {text}")
    assert others == ["finished  a in 0:01:05"]


def test_a_bug_of_the_board_is_not_hidden(sweep):
    def write(*given):
        raise KeyError("beta")

    with pytest.raises(KeyError):
        sweep.state(board=write).write_board()


# Progress


def test_the_state_of_all_runs_is_shown_with_what_the_running_ones_are_at(sweep):
    sweep.journal.add("finished", "a")
    for name, step in (("a", 100), ("b", 50), ("c", 100)):
        sweep.has_trained(name, step, speed=10.0)
    sweep.state(left="bc").show(["b", "c"], jobs=2)
    # 50 steps of b at 10 a second, on one of two places.
    text = "1 of 3 runs done, 83% of the steps, ETA 0:00:05  b 50/100; c ending"
    assert sweep.lines() == [text]


def test_a_run_whose_steps_are_done_is_at_its_evaluations(sweep):
    sweep.has_trained("a", 100, speed=10.0)
    sweep.state(evaluation=SCORED).show(["a"], jobs=1)
    assert sweep.lines()[0].endswith("  a evaluating")


def test_large_numbers_of_steps_can_be_read(sweep):
    state = SweepState(
        [planned("a", steps=150_000)],
        [sweep.job("a")],
        sweep.folder,
        sweep.journal,
        Screen(sweep.shown),
        None,
    )
    sweep.has_trained("a", 12_000, speed=10.0)
    state.show(["a"], jobs=1)
    assert sweep.lines()[0].endswith("  a 12,000/150,000")


def test_nothing_is_read_or_shown_before_it_is_time(sweep, monkeypatch):
    monkeypatch.setattr("ibgan_tf.sweeps.screen._FILE_INTERVAL", 1e9)
    monkeypatch.setattr("ibgan_tf.sweeps.state.read_progress", None)  # calling it would fail
    sweep.state().show(["a"], jobs=1)
    assert sweep.lines() == []


def test_an_evaluation_takes_the_mean_of_those_that_were_made(sweep):
    for name in "abc":
        sweep.has_trained(name, 100, speed=10.0)
    state = sweep.state(evaluation=SCORED)
    for name, seconds in (("a", 20.0), ("b", 60.0)):  # each of two evaluations
        outcome = Outcome(status="finished", reason="", seconds=99.0, evaluation_seconds=seconds)
        state.ended(sweep.job(name, SCORED), outcome)
    state.show(["c"], jobs=1)
    assert "ETA 0:00:40  c evaluating" in sweep.lines()[-1]  # two more of 20 s


def test_evaluations_of_a_run_that_failed_say_nothing_of_the_time(sweep):
    for name in "abc":
        sweep.has_trained(name, 100, speed=10.0)
    state = sweep.state(evaluation=SCORED)
    outcome = Outcome(status="failed", reason="no", seconds=90.0, evaluation_seconds=90.0)
    state.ended(sweep.job("a", SCORED), outcome)
    state.show(["b"], jobs=1)
    assert sweep.lines()[-1].endswith("1 failed, ETA 0:00:00  b evaluating")


def test_failed_runs_that_are_tried_again_are_left_to_do(sweep):
    for name in "abc":
        sweep.journal.add("failed", name, reason="the loss isn't finite")
        sweep.has_trained(name, 40, speed=10.0)
    state = sweep.state(left="ab")
    state.show([], jobs=1)
    state.ended(sweep.job("a"), BROKEN)
    state.show([], jobs=1)
    before, *_, after = sweep.lines()
    # a and b have 60 steps each at 10 a second; then only b has.
    assert before == "0 of 3 runs done, 40% of the steps, 1 failed, ETA 0:00:12"
    assert after == "0 of 3 runs done, 40% of the steps, 2 failed, ETA 0:00:06"


def test_only_evaluations_that_are_left_of_a_finished_run_take_time(sweep):
    for name in "abc":
        sweep.journal.add("finished", name, evaluated=[FIRST])
        sweep.has_trained(name, 100, speed=10.0)
    state = sweep.state(evaluation=SCORED, num_left=1)
    outcome = Outcome(status="finished", reason="", seconds=30.0, evaluation_seconds=30.0)
    state.ended(sweep.job("a", SCORED, 1), outcome)
    state.show([], jobs=2)
    assert sweep.lines()[-1] == "1 of 3 runs done, 100% of the steps, ETA 0:00:30"


def test_a_run_that_was_stopped_is_neither_done_nor_waited_for(sweep):
    for name in "abc":
        sweep.has_trained(name, 40, speed=10.0)
    state = sweep.state(left="ab")
    state.ended(sweep.job("a"), HALTED)
    state.show(["b"], jobs=1)
    assert sweep.lines()[-1] == "0 of 3 runs done, 40% of the steps, ETA 0:00:06  b 40/100"


# The end


def test_a_sweep_whose_runs_are_all_finished_ends_with_0(sweep):
    state = sweep.state()
    for name in "abc":
        state.ended(sweep.job(name), DONE)
    assert state.end(None) == 0
    assert sweep.lines()[3:] == ["sweep: 3 of 3 runs are finished"]


def test_in_the_end_runs_that_failed_or_stopped_are_told_with_reason_and_log(sweep):
    sweep.journal.add("failed", "a", reason="no space")
    state = sweep.state(left="bc")
    state.ended(sweep.job("b"), DONE)
    state.ended(sweep.job("c"), HALTED)
    assert state.end(None) == 1
    logs = sweep.folder / "logs"
    assert sweep.lines()[2:] == [
        "sweep: 1 of 3 runs are finished, 1 failed, 1 to go on with by the same command",
        f"failed: a: no space ({logs / 'a.log'})",
        f"stopped: c: SIGTERM: stopping ({logs / 'c.log'})",
    ]


def test_a_stopped_sweep_ends_with_the_number_of_the_signal(sweep):
    state = sweep.state()
    for name in "abc":
        state.ended(sweep.job(name), DONE)
    assert state.end(15) == 128 + 15


def test_runs_that_a_stopped_sweep_did_not_come_to_are_left_whatever_they_were_before(sweep):
    sweep.journal.add("finished", "a", evaluated=[FIRST])  # with another evaluation to make
    sweep.journal.add("failed", "b", reason="no space")  # and tried again
    assert sweep.state(evaluation=SCORED, num_left=1).end(15) == 143
    opening = "sweep: 0 of 3 runs are finished, 3 to go on with by the same command"
    assert sweep.lines()[0] == opening
