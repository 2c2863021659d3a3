"""Sweeps on real Ray clusters: its scheduler and its machines as processes on this one."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

from ibgan_tf.ports import free_ports
from ibgan_tf.runs import json_lines, lock
from ibgan_tf.sweeps import on_ray

ROOT = pathlib.Path(__file__).parents[2]
RAY = pathlib.Path(sys.executable).with_name("ray")


ENVIRONMENT = {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}


def raylets():
    """Returns the process ids of Ray's machines that run here."""
    found = set()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if arguments[0].endswith(b"/raylet"):
            found.add(int(folder.name))
    return found


@pytest.fixture
def start_machine(wait_until):
    """Gives a function that begins a machine of a cluster, with two cores: its raylet's process id.

    Its processes, and no others of Ray's, end with the test.
    """
    before, machines = raylets(), []

    def start(*arguments, **variables):
        known = raylets()
        command = [RAY, "start", "--block", "--num-cpus=2", "--object-store-memory=100000000"]
        machines.append(
            subprocess.Popen(
                [*command, *arguments],
                env={**os.environ, **ENVIRONMENT, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        for line in machines[-1].stdout:
            if "Ray runtime started" in line:
                break
        (raylet,) = raylets() - known
        return raylet

    yield start
    for machine in reversed(machines):
        machine.terminate()
        machine.communicate(timeout=60)
    wait_until(lambda: raylets() <= before)


@pytest.fixture
def cluster(start_machine, tmp_path, monkeypatch, request):
    """The address of a cluster of one machine.

    It asks for a token, as Ray does where one is in the home folder.
    """
    pytest.importorskip("ray")
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ray-"))  # short, for the names of its sockets
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    request.addfinalizer(lambda: shutil.rmtree(folder))
    generate = [RAY, "get-auth-token", "--generate"]
    subprocess.run(generate, env={**os.environ, **ENVIRONMENT}, check=True, capture_output=True)
    assert (tmp_path / "home" / ".ray" / "auth_token").exists()
    (port,) = free_ports(1)
    start_machine(
        *("--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false")
    )
    return f"127.0.0.1:{port}"


def steps(sweep_dir, seed):
    """Returns the steps that are in a run's log."""
    rows = json_lines.read(sweep_dir / f"toy-shapes-seed_{seed}" / "log.jsonl")
    return [row["step"] for row in rows]


@pytest.mark.slow
def test_a_killed_sweep_leaves_no_trainer_on_the_cluster_and_goes_on_there(
    cluster, start_sweep, wait_until, tmp_path
):
    sweep_dir = tmp_path / "sweep"
    study = 'seed = [1, 2, 3]\nfate = "waits"\n'
    common = '[common]\nmodel = "toy"\ndataset = "shapes"\nsteps = 3\nbatch_size = 4\n'
    first = start_sweep(study, jobs=3, address=[cluster], common=common)
    wait_until(lambda: [steps(sweep_dir, seed) for seed in (1, 2)] == [[1, 2]] * 2)
    assert not (sweep_dir / "toy-shapes-seed_3").exists()  # the cluster has two cores
    first.send_signal(signal.SIGKILL)
    first.wait()
    runs = [sweep_dir / f"toy-shapes-seed_{seed}" for seed in (1, 2)]
    wait_until(lambda: not any(map(lock.is_held, runs)))
    (sweep_dir / "go").touch()

    second = start_sweep(study, jobs=3, address=[cluster], common=common)
    _, shown = second.communicate(timeout=120)
    assert second.returncode == 0, shown
    assert "sweep: 3 of 3 runs are finished" in shown.splitlines()
    for seed, num_calls in ((1, 2), (2, 2), (3, 1)):
        assert steps(sweep_dir, seed) == [1, 2, 3]
        calls = json_lines.read(sweep_dir / f"toy-shapes-seed_{seed}" / "calls.jsonl")
        assert len(calls) == num_calls


@pytest.mark.slow
def test_a_failed_run_is_told_and_a_stop_reaches_the_cluster(
    cluster, start_sweep, wait_until, tmp_path
):
    sweep_dir = tmp_path / "sweep"
    study = '[[grid]]\nseed = 1\nfate = "fails"\n[[grid]]\nseed = 2\nfate = "waits"\n'
    process = start_sweep(study, jobs=2, address=[cluster])
    journal = sweep_dir / "journal.jsonl"
    wait_until(lambda: journal.exists() and '"failed"' in journal.read_text())
    wait_until(lambda: steps(sweep_dir, 2) == [1, 2])
    process.send_signal(signal.SIGTERM)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 143, shown
    assert "failed    toy-shapes-seed_1: the loss isn't finite" in shown.splitlines()
    assert not lock.is_held(sweep_dir / "toy-shapes-seed_2")
    last = json.loads(journal.read_text().splitlines()[-1])
    assert (last["event"], last["run"]) == ("stopped", "toy-shapes-seed_2")
    log = (sweep_dir / "logs" / "toy-shapes-seed_2.log").read_text()
    assert "SIGTERM: stopping, with a checkpoint" in log


@pytest.mark.slow
def test_a_run_goes_on_elsewhere_when_its_machine_dies(
    cluster, start_machine, start_sweep, wait_until, tmp_path
):
    sweep_dir = tmp_path / "sweep"
    other = start_machine(f"--address={cluster}", RAY_AUTH_MODE="token")
    study = '[[grid]]\nseed = [1, 2, 3, 4]\nfate = "waits"\n'
    process = start_sweep(study, jobs=4, address=[cluster])
    wait_until(lambda: [steps(sweep_dir, seed) for seed in (1, 2, 3, 4)] == [[1, 2]] * 4)
    os.kill(other, signal.SIGKILL)
    lost = []

    def are_stopped():
        runs = [sweep_dir / f"toy-shapes-seed_{seed}" for seed in (1, 2, 3, 4)]
        lost[:] = [run for run in runs if not lock.is_held(run)]
        return len(lost) == 2

    wait_until(are_stopped)
    (sweep_dir / "go").touch()
    _, shown = process.communicate(timeout=240)
    assert process.returncode == 0, shown
    for seed in (1, 2, 3, 4):
        assert steps(sweep_dir, seed) == [1, 2, 3]
    calls = [json_lines.read(run / "calls.jsonl") for run in lost]
    assert [len(own) for own in calls] == [2, 2]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"threads": None}, "threads must be given with engine=ray"),
        ({"jobs": 0}, "jobs must be >= 1. Received: jobs=0."),
    ],
)
def test_what_the_cluster_need_not_be_asked_is_told_first(counts, message):
    with pytest.raises(ValueError, match=message):
        on_ray.check(**{"jobs": 1, "threads": 1, "gpus": None} | counts)


def test_that_ray_is_missing_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="engine=ray needs Ray. .* pip install '.\\[sweep\\]'"):
        on_ray.check(jobs=1, threads=1, gpus=None)


@pytest.mark.parametrize(
    ("jobs", "gpus", "expected"),
    [(1, None, 4), (2, None, 4), (4, 4, 1), (3, 2, 0.5), (8, 4, 0.5), (16, 1, 1 / 16), (2, 0, 0)],
)
def test_gpus_of_a_job_are_those_of_one_machine(jobs, gpus, expected):
    machines = [{"CPU": 8, "GPU": 4}, {"CPU": 8, "GPU": 4}, {"CPU": 4}]
    assert on_ray._gpus(machines, jobs=jobs, gpus=gpus) == pytest.approx(expected)


def test_a_cluster_that_does_not_answer_is_told_at_once():
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        message = f"Received: ray_address={address}, where nobody answers .*: ray start --head"
        with pytest.raises(ConnectionError, match=message):
            on_ray._check_reachable(address)
    on_ray._check_reachable("auto")


def test_more_than_the_cluster_has_is_refused():
    machines = [{"CPU": 8, "GPU": 4}, {"CPU": 16}]
    with pytest.raises(ValueError, match="gpus must be at most the number that there are, 4."):
        on_ray._gpus(machines, jobs=1, gpus=5)
    with pytest.raises(ValueError, match="threads must be at most the cores of .*machine, 16."):
        on_ray._check_cores(machines, 17)
