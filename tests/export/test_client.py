"""export/client.py against the local server, with a real export."""

import pytest

from ibgan_tf.plotting import grids
from ibgan_tf.serving import double

MODEL = "small-ibgan"


@pytest.fixture(scope="module")
def server(published):
    with double.ServingDouble(published.path.parent, model=MODEL, rest_port=0) as server:
        yield server


@pytest.fixture
def ask(run_forked):
    """Gives a function that runs the client."""

    def run(server, *flags):
        return run_forked(
            "client.py", f"--server={server}", f"--model={MODEL}", *flags, folder="export"
        )

    return run


def one_line(process):
    """Returns the only line of an error, after checking that it is one."""
    assert process.returncode == 1
    lines = [line for line in process.stderr.splitlines() if line.startswith("client.py: error:")]
    assert len(lines) == 1
    assert "Traceback" not in process.stderr
    return lines[0]


def test_a_traversal_and_a_grid_come_from_a_running_server(ask, server, tmp_path):
    process = ask(server.address, "--traverse=2", f"--output={tmp_path / 't.png'}")
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == str(tmp_path / "t.png")
    # Three rows of eleven images of 64 pixels, 4 between them, and labels around.
    height, width = grids.read_png(tmp_path / "t.png").shape[:2]
    assert height > 3 * 64 + 2 * 4
    assert width > 11 * 64 + 10 * 4
    process = ask(
        server.rest_address,
        "--transport=rest",
        "--samples=9",
        f"--output={tmp_path / 'grid.png'}",
    )
    assert process.returncode == 0, process.stderr
    assert grids.read_png(tmp_path / "grid.png").shape == (3 * 64 + 2 * 2, 3 * 64 + 2 * 2)


def test_a_server_is_checked_against_the_exports_card(ask, server, published):
    process = ask(server.address, f"--check={published.path.parent}", "--version=1")
    assert process.returncode == 0, process.stderr
    assert f"answers as {published.path}: 9 signatures" in process.stdout


def test_the_model_that_is_checked_has_the_exports_name(run_forked, server, published):
    process = run_forked(
        "client.py", f"--server={server.address}", f"--check={published.path}", folder="export"
    )
    assert process.returncode == 0, process.stderr
    assert f"answers as {published.path}" in process.stdout


def test_the_port_of_rest_is_told_from_an_absent_server(ask, server):
    line = one_line(ask(server.rest_address, "--attempts=1"))
    assert "Check the port: gRPC's is another than REST's." in line


def test_an_absent_server_is_one_line(ask, tmp_path):
    process = ask("127.0.0.1:9", "--samples=4", f"--output={tmp_path / 'x.png'}")
    assert "must be running and able to answer" in one_line(process)
    assert not (tmp_path / "x.png").exists()
