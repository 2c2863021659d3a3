import pytest

from ibgan_tf.serving import client, double, served


@pytest.fixture
def connected(published, request):
    server = double.ServingDouble(published.path.parent, model="small-ibgan").start()
    request.addfinalizer(server.stop)
    made = client.connect(server.address, model="small-ibgan")
    request.addfinalizer(made.close)
    return made


def test_versions_and_signatures_are_told_a_line_each(connected):
    lines = served.describe(connected).splitlines()
    assert lines[1] == "version 1: AVAILABLE"
    assert "generate_from_r_png: r float32 -> images_png_bytes string, valid bool" in lines
    assert len(lines) == 2 + len(connected.signatures)


def test_a_server_answers_as_its_export(connected, published):
    assert "answers as" in served.check(connected, published.path.parent)


def test_a_server_that_answers_otherwise_is_told(connected, published, monkeypatch):
    run = connected.run
    monkeypatch.setattr(connected, "run", lambda name, inputs: run(name, _shifted(inputs)))
    with pytest.raises(ValueError, match="must answer as .* does. Received: .* differs from"):
        served.check(connected, published.path)


def _shifted(inputs):
    return {name: value + (value.dtype == "float32") for name, value in inputs.items()}
