"""What TensorBoard's own HParams plugin finds in a sweep's folder."""

import json
import types

import pytest
import tensorflow as tf
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
)

from ibgan_tf.evaluation import board
from ibgan_tf.runs import log
from ibgan_tf.sweeps.hparams import HPARAMS_FILE, write_hparams

STUDY = "seed = [1, 2]\nbeta = [0.5, 2]\nwidths = [[8], [8, 16]]\ncolored = [true, false]\n"


def finish(sweep_dir, run, tables, *, loss, score=None):
    """Writes what training and evaluation leave of a run, with their own event files."""
    run_dir = sweep_dir / run.name
    run_dir.mkdir(parents=True)
    (run_dir / "config.json").write_text("{}")
    with tf.summary.create_file_writer(str(run_dir / "events")).as_default(step=3):
        tf.summary.scalar("loss", loss)
        tf.summary.scalar("kl/r00", 0.5)
    log.append_row(run_dir, {"step": 0, "data_source": {}})
    log.append_row(run_dir, {"step": 3, "loss": loss, "kl/r00": 0.5})
    if score is None:
        return
    result = {"metric": "mig", "score": score, "protocol": "disentanglement_lib"}
    result |= {"settings": "full", "seed": 0}
    (run_dir / "metrics" / "step-3").mkdir(parents=True)
    (run_dir / "metrics" / "step-3" / "mig.json").write_text(json.dumps(result))
    (run_dir / "metrics" / "step-3" / "codes.json").write_text('{"codes": 5}')
    values = run.settings
    config_class = tables["models"]["toy"].config_class
    config = types.SimpleNamespace(
        model=values["model"],
        dataset=values["dataset"],
        options=tables["datasets"]["shapes"].settings_class(),  # any dataclass
        dataset_settings=tables["datasets"]["shapes"].settings_class(colored=values["colored"]),
        model_config=config_class(beta=values["beta"], widths=tuple(values["widths"])),
    )
    loaded = types.SimpleNamespace(config=config, step=3)
    board.write_to_tensorboard(run_dir, loaded, [result])


@pytest.fixture
def read_board(tmp_path):
    """Gives a function that returns the columns and the rows that the plugin shows."""

    def read():
        multiplexer = plugin_event_multiplexer.EventMultiplexer()
        multiplexer.AddRunsFromDirectory(str(tmp_path))
        multiplexer.Reload()
        provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
        backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
        request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100)
        request.allowed_statuses.extend(
            [
                api_pb2.STATUS_SUCCESS,
                api_pb2.STATUS_FAILURE,
                api_pb2.STATUS_UNKNOWN,
                api_pb2.STATUS_RUNNING,
            ]
        )
        asked = context.RequestContext()
        experiment = get_experiment.Handler(
            asked, backend, "e", api_pb2.GetExperimentRequest()
        ).run()
        groups = list_session_groups.Handler(asked, backend, "e", request).run()
        return experiment, {group.name: group for group in groups.session_groups}

    return read


def values_of(group):
    """Returns the metrics of a row: their tag -> value."""
    return {value.name.tag: round(value.value, 5) for value in group.metric_values}


def test_each_run_that_has_ended_is_a_row_with_its_settings_and_results(
    plan_study, read_board, tables, tmp_path
):
    runs = plan_study(STUDY)
    first, second, third = runs[0], runs[7], runs[8]
    finish(tmp_path, first, tables, loss=0.25, score=0.75)
    finish(tmp_path, second, tables, loss=0.5)
    finish(tmp_path, third, tables, loss=0.1)  # it runs on: no row yet
    write_hparams(tmp_path, runs, {first.name: True, second.name: False})

    experiment, rows = read_board()
    assert {info.name for info in experiment.hparam_infos} == {"seed", "beta", "widths", "colored"}
    assert all(info.differs for info in experiment.hparam_infos)
    titles = [info.display_name for info in experiment.metric_infos]
    assert titles == ["mig", "loss"]  # the divergence of each dimension is for the scalars' page
    assert set(rows) == {first.name, second.name}
    own = rows[first.name].hparams
    assert (own["beta"].number_value, own["seed"].number_value) == (0.5, 1.0)
    assert own["widths"].string_value == "(8,)" and own["colored"].bool_value is True
    assert values_of(rows[first.name]) == {"metrics/mig": 0.75, "loss": 0.25}
    assert values_of(rows[second.name]) == {"loss": 0.5}
    assert rows[second.name].sessions[0].status == api_pb2.STATUS_FAILURE
    assert rows[first.name].sessions[0].status == api_pb2.STATUS_SUCCESS


def test_a_larger_grid_has_new_columns_in_every_row(plan_study, read_board, tables, tmp_path):
    (run,) = plan_study("beta = 0.5\n")
    finish(tmp_path, run, tables, loss=0.25)
    write_hparams(tmp_path, [run], {run.name: True})
    _, rows = read_board()
    assert list(rows[run.name].hparams) == []
    other = plan_study("beta = [0.5, 3]\n")[1]
    write_hparams(tmp_path, [run, other], {run.name: True})
    experiment, rows = read_board()
    assert [info.name for info in experiment.hparam_infos] == ["beta"]
    assert rows[run.name].hparams["beta"].number_value == 0.5


def test_a_setting_that_only_some_models_have_is_a_column_with_gaps(
    plan_study, read_board, tables, tmp_path
):
    common = '[common]\nsteps = 3\nbatch_size = 4\ndataset = "shapes"\nmodel = ["toy", "other"]\n'
    runs = plan_study("", common=common)
    for run in runs:
        finish(tmp_path, run, tables, loss=0.25)
    write_hparams(tmp_path, runs, dict.fromkeys([run.name for run in runs], True))
    experiment, rows = read_board()
    assert "gamma" in {info.name for info in experiment.hparam_infos}
    assert "gamma" not in rows[runs[0].name].hparams
    assert rows[runs[1].name].hparams["gamma"].number_value == 1.0
    assert rows[runs[1].name].hparams["model"].string_value == "other"


def test_files_that_are_as_they_must_be_are_not_written_again(plan_study, tables, tmp_path):
    runs = plan_study("beta = [0.5, 3]\n")
    finish(tmp_path, runs[0], tables, loss=0.25)
    write_hparams(tmp_path, runs, {})
    assert not (tmp_path / HPARAMS_FILE).exists()
    write_hparams(tmp_path, runs, {runs[0].name: True})
    paths = [tmp_path / HPARAMS_FILE, tmp_path / runs[0].name / HPARAMS_FILE]
    before = [path.stat().st_ino for path in paths]
    write_hparams(tmp_path, runs, {runs[0].name: True})
    assert [path.stat().st_ino for path in paths] == before
