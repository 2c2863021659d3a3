"""What every entry of MODELS must do as an export."""

import pytest

from ibgan_tf.models import MODELS
from ibgan_tf.serving import archive, calls, graph_checks, runtime, signatures, variable_checks
from ibgan_tf.serving.model_signatures import model_signatures

IMAGE_SHAPE = (28, 28, 1)


@pytest.mark.parametrize("name", MODELS)
def test_an_export_of_every_model_passes_the_gate_and_answers_as_the_model(
    name, tmp_path, narrow, set_weights
):
    model = MODELS[name](narrow(MODELS[name].config_class()), IMAGE_SHAPE)
    set_weights(model.networks().values())
    path = tmp_path / "1"
    archive.write(model, path)
    found = signatures.read_signatures(path)
    saved_model = signatures.read_saved_model(path)
    problems = graph_checks.graph_problems(saved_model)
    problems += graph_checks.signature_problems(found, model_signatures(model))
    problems += variable_checks.variable_problems(path, saved_model)
    with runtime.SavedModelSession(path, found) as session:
        for call in calls.model_calls(model, batches=[2]):
            answer = session.run(call.signature, call.inputs)
            problems += calls.differences(call, answer)[0]
    assert problems == []
