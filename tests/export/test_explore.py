"""export/explore.py in a real process."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_the_page_is_served_until_it_is_told_to_stop(published):
    command = [sys.executable, ROOT / "export" / "explore.py", "--port=0"]
    process = subprocess.Popen(
        [*command, f"--model_dir={published.path.parent}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        assert said.startswith("ibgan on dsprites, step 7: http://127.0.0.1:")
        connection = http.client.HTTPConnection(said.split("http://")[1].split(" ")[0], timeout=20)
        connection.request("GET", "/description")
        description = json.loads(connection.getresponse().read())
        connection.close()
        kl = [dimension["kl"] for dimension in description["dimensions"]]
        assert len(kl) == 3
        assert kl == sorted(kl, reverse=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_an_export_that_is_not_there_is_one_line(run_forked, tmp_path):
    process = run_forked("explore.py", f"--model_dir={tmp_path / 'none'}", folder="export")
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert "explore.py: error:" in process.stderr
    assert "must hold an exported version" in process.stderr


def test_a_negative_seed_is_one_line(run_forked):
    process = run_forked("explore.py", "--seed=-1", folder="export")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        "explore.py: error: seed must be a whole number >= 0. Received: seed=-1."
    )
