import json

import pytest

from ibgan_tf.runs import json_lines
from ibgan_tf.sweeps.progress import RunProgress, progress_text, read_progress, seconds_left


def run(step=0, speed=None, *, model="toy", steps=100, **options):
    return RunProgress(model=model, steps=steps, step=step, steps_per_second=speed, **options)


def test_step_and_speed_are_those_of_the_last_whole_row(tmp_path):
    assert read_progress(tmp_path / "none") == (0, None)
    log = tmp_path / "log.jsonl"
    json_lines.append(log, {"step": 0, "data_source": {}})
    assert read_progress(tmp_path) == (0, None)
    rows = [{"step": n, "steps_per_second": n / 2, "loss": 0.123456789} for n in range(1, 2000)]
    with open(log, "a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
        file.write('{"step": 2000, "steps_per')
    assert read_progress(tmp_path) == (1999, 999.5)


def test_the_time_left_is_that_of_all_steps_at_the_speeds_seen():
    # 50 steps at 5/s, 100 at the mean of 5/s and 15/s of the same model.
    runs = [run(50, 5.0), run(100, 15.0, ended=True), run(), run(model="other", ended=True)]
    assert seconds_left(runs, jobs=1) == pytest.approx(50 / 5 + 100 / 10)
    assert seconds_left(runs, jobs=2) == pytest.approx((50 / 5 + 100 / 10) / 2)


def test_runs_of_a_model_not_seen_yet_are_as_fast_as_the_others():
    assert seconds_left([run(0, 4.0), run(model="other")], jobs=1) == pytest.approx(50.0)


def test_the_longest_run_is_waited_for_however_many_jobs_there_are():
    assert seconds_left([run(0, 1.0), run(99, 1.0)], jobs=8) == pytest.approx(100.0)


def test_evaluations_take_what_they_took_before():
    runs = [run(100, 5.0, evaluations=2), run(100, 5.0, evaluations=2, ended=True)]
    assert seconds_left(runs, jobs=1, evaluation_seconds=30.0) == pytest.approx(60.0)


def test_the_time_is_not_known_before_any_speed_is():
    assert seconds_left([run(), run()], jobs=1) is None
    assert seconds_left([run(100, ended=True)], jobs=1) == 0.0


def test_the_state_of_all_runs_is_one_line():
    text = progress_text(
        [run(50, 5.0), run(100, ended=True), run(20, ended=True)],
        finished=1,
        failed=1,
        running=["a 50/100"],
        seconds=3661.4,
    )
    assert text == "1 of 3 runs done, 57% of the steps, 1 failed, ETA 1:01:01  a 50/100"
    text = progress_text([run()], finished=0, failed=0, running=[], seconds=None)
    assert text == "0 of 1 runs done, 0% of the steps, ETA ?"
