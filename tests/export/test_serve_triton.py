"""The script that serves an export by Triton."""

import os
import pathlib
import signal
import subprocess
import sys
import urllib.request

import pytest

from ibgan_tf.ports import free_ports
from ibgan_tf.serving import triton

ROOT = pathlib.Path(__file__).parents[2]
TRITON = pathlib.Path(os.environ.get("IBGAN_TEST_TRITON", ROOT / ".venv-triton/bin/python"))


def test_a_missing_environment_is_one_clear_line(run_forked, published, tmp_path):
    finished = run_forked(
        "serve_triton.py",
        f"--model_dir={published.path.parent}",
        f"--triton_python={tmp_path / 'python'}",
        folder="export",
    )
    assert finished.returncode == 1
    reason = triton.why_not(tmp_path / "python")
    assert f"serve_triton.py: error: {reason}" in finished.stderr.splitlines()
    assert "Traceback" not in finished.stderr


@pytest.mark.triton
def test_it_serves_until_it_is_interrupted(published):
    if reason := triton.why_not(TRITON):
        pytest.skip(reason)
    port, rest_port, metrics_port = free_ports(3)
    process = subprocess.Popen(
        [
            *[sys.executable, ROOT / "export" / "serve_triton.py"],
            *[f"--model_dir={published.path.parent}", "--signatures=encode,traverse"],
            *[f"--port={port}", f"--rest_port={rest_port}", f"--metrics_port={metrics_port}"],
            f"--triton_python={TRITON}",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == (
            f"encode, traverse: version 1; gRPC 127.0.0.1:{port}, "
            f"HTTP http://127.0.0.1:{rest_port}, "
            f"metrics http://127.0.0.1:{metrics_port}/metrics; Ctrl-C stops\n"
        )
        url = f"http://127.0.0.1:{rest_port}/v2/models/traverse/ready"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
