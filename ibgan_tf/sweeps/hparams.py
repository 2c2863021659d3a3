"""TensorBoard's HParams of a sweep: the settings that vary, and the last scalars and scores.

Each run's folder gets a file hparams.tfevents, and the sweep's folder one that says which columns
there are. The scalars themselves stay where training and evaluation wrote them.
"""

import functools
import io
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import api, api_pb2, summary
from tensorboard.summary.writer.record_writer import RecordWriter

from ibgan_tf import atomic
from ibgan_tf.runs.log import read_last_row
from ibgan_tf.runs.record import RECORD_FILE
from ibgan_tf.sweeps.plan import PlannedRun, varying

HPARAMS_FILE = "hparams.tfevents"
_TRAINING, _SCORES = "events", "metrics/events"  # folders of a run's event files


def write_hparams(
    sweep_dir: pathlib.Path, runs: Sequence[PlannedRun], statuses: Mapping[str, bool]
) -> None:
    """Writes the files of all runs that have ended, where they aren't as they must be.

    Args:
        sweep_dir: the sweep's folder.
        runs: of the study.
        statuses: name of a run that has ended -> whether it finished.

    Raises:
        OSError: the disk is full.
    """
    ended = [run for run in runs if (sweep_dir / run.name / RECORD_FILE).exists()]
    ended = [run for run in ended if run.name in statuses]
    if not ended:
        return
    columns = {name: _values(name, runs) for name in varying(runs)}
    config = summary.experiment_pb(
        [_column(name, values) for name, values in columns.items()],
        _metrics([sweep_dir / run.name for run in ended]),
        time_created_secs=0,
    )
    newest = max(_time(sweep_dir / run.name) for run in ended)
    _write(sweep_dir / HPARAMS_FILE, [config], time=newest)
    for run in ended:
        run_dir = sweep_dir / run.name
        own = {n: _plain(run.settings[n], columns[n]) for n in columns if n in run.settings}
        status = api_pb2.STATUS_SUCCESS if statuses[run.name] else api_pb2.STATUS_FAILURE
        start = api.hparams_pb(own, trial_id=run.name, start_time_secs=int(_time(run_dir)))
        end = summary.session_end_pb(status, end_time_secs=0)
        _write(run_dir / HPARAMS_FILE, [start, end], time=_time(run_dir))


def _column(name: str, values: Sequence[Any]) -> api_pb2.HParamInfo:
    """Returns the column of a setting, which TensorBoard shows at once because its values differ.

    Args:
        name: of the setting.
        values: all that it has, of one type.
    """
    kind = {str: api_pb2.DATA_TYPE_STRING, bool: api_pb2.DATA_TYPE_BOOL}.get(type(values[0]))
    kind = api_pb2.DATA_TYPE_FLOAT64 if kind is None else kind
    column = api_pb2.HParamInfo(name=name, type=kind, differs=True)
    column.domain_discrete.extend(values)
    return column


def _values(name: str, runs: Sequence[PlannedRun]) -> list[Any]:
    """Returns the values of a setting, of one type: all numbers, all true or false, or texts."""
    found = [run.settings[name] for run in runs if name in run.settings]
    if not all(isinstance(value, bool) for value in found):
        numeric = all(type(value) in (int, float) for value in found)
        found = [float(value) if numeric else _text(value) for value in found]
    return sorted(set(found))


def _plain(value: object, domain: Sequence[Any]) -> Any:
    """Returns a value in the type of its column."""
    kind = type(domain[0])
    return _text(value) if kind is str else kind(value)


def _text(value: object) -> str:
    """Returns a value that is no number as a text, as evaluation does."""
    return str(tuple(value)) if isinstance(value, list) else str(value)


def _metrics(run_dirs: Sequence[pathlib.Path]) -> list[api_pb2.MetricInfo]:
    """Returns the columns of results: scores first, then the scalars of the last report."""
    scores, scalars = {}, {}
    for run_dir in run_dirs:
        scores |= dict.fromkeys(_scores(run_dir))
        row = read_last_row(run_dir)
        names = [name for name in row if name != "step"] if row.get("step") else []
        scalars |= dict.fromkeys(n for n in names if "/" not in n or n.startswith("metrics/"))
    return [
        *(_metric(name, _SCORES, name.removeprefix("metrics/")) for name in sorted(scores)),
        *(_metric(name, _TRAINING, name) for name in scalars),
    ]


def _metric(tag: str, group: str, title: str) -> api_pb2.MetricInfo:
    """Returns the column of a scalar that is in one of the folders of each run."""
    return api_pb2.MetricInfo(name=api_pb2.MetricName(group=group, tag=tag), display_name=title)


def _scores(run_dir: pathlib.Path) -> Iterator[str]:
    """Yields the tags of a run's scores, which are those of its metric files."""
    for path in sorted(run_dir.glob("metrics/step-*/*.json")):
        if _has_score(path, path.stat().st_mtime_ns):
            yield f"metrics/{path.stem}"


@functools.cache  # after each run, the files of all that have ended are asked for
def _has_score(path: pathlib.Path, modified: int) -> bool:
    """Says whether a file, as it was written at a time, is a metric's with a score."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # a damaged file is the report's to tell
        return False
    return "metric" in values and isinstance(values.get("score"), int | float)


def _time(run_dir: pathlib.Path) -> float:
    """Returns when a run's record was written, in seconds: the same whenever it is asked."""
    return (run_dir / RECORD_FILE).stat().st_mtime


def _write(path: pathlib.Path, summaries: Sequence[Any], *, time: float) -> None:
    """Writes an event file, whole or not at all, and not if it is there as it must be."""
    events = [event_pb2.Event(wall_time=time, file_version="brain.Event:2")]
    for part in summaries:  # of TensorFlow's class or of TensorBoard's, the same in bytes
        events.append(event_pb2.Event(wall_time=time))
        events[-1].summary.ParseFromString(part.SerializeToString())
    contents = io.BytesIO()
    for event in events:
        RecordWriter(contents).write(event.SerializeToString(deterministic=True))
    if path.exists() and path.read_bytes() == contents.getvalue():
        return
    with atomic.replacing_file(path) as temporary:
        temporary.write_bytes(contents.getvalue())
