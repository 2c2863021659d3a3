import os

import pytest

from ibgan_tf.sweeps.resources import divide, visible_gpus


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine with ten cores and, by nvidia-smi, four GPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(10)))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    script = tmp_path / "nvidia-smi"
    lines = "\n".join(f"echo 'GPU {n}: NVIDIA H100 (UUID: GPU-{n})'" for n in range(4))
    script.write_text(f"#!/bin/sh\n[ $1 = --list-gpus ]\n{lines}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


def gpus_of(share):
    """Returns CUDA_VISIBLE_DEVICES of each place."""
    return [environment.get("CUDA_VISIBLE_DEVICES") for environment in share.environments]


def test_one_job_has_the_machine_as_it_is():
    share = divide(jobs=1, threads=None, gpus=None)
    assert share.threads is None and share.environments == ({},)
    assert share.text() == "1 at a time, all cores"


@pytest.mark.parametrize(
    ("jobs", "threads", "gpus"),
    [
        (2, 5, ["0,1", "2,3"]),
        (3, 3, ["0", "1", "2"]),
        (4, 2, ["0", "1", "2", "3"]),
        (6, 1, ["0", "1", "2", "3", "0", "1"]),
        (12, 1, ["0", "1", "2", "3"] * 3),
    ],
)
def test_cores_and_gpus_are_divided_equally(jobs, threads, gpus):
    share = divide(jobs=jobs, threads=None, gpus=None)
    assert (share.threads, gpus_of(share)) == (threads, gpus)


def test_threads_and_gpus_can_be_chosen():
    share = divide(jobs=2, threads=1, gpus=2)
    assert (share.threads, gpus_of(share)) == (1, ["0", "1"])
    assert share.text() == "2 at a time, --threads=1, CUDA_VISIBLE_DEVICES=0 | 1"
    assert gpus_of(divide(jobs=1, threads=None, gpus=3)) == ["0,1,2"]
    assert gpus_of(divide(jobs=2, threads=None, gpus=0)) == ["-1", "-1"]


def test_the_gpus_that_the_environment_leaves_are_divided(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-77")
    assert gpus_of(divide(jobs=2, threads=None, gpus=None)) == ["3", "GPU-77"]
    for none in ("-1", ""):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert visible_gpus() == []


def test_without_gpus_nothing_is_said_of_them(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert divide(jobs=2, threads=None, gpus=None).environments == ({}, {})


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"jobs": 0}, "jobs must be >= 1. Received: jobs=0."),
        ({"jobs": -2}, "jobs must be >= 1. Received: jobs=-2."),
        ({"threads": 0}, "threads must be >= 1. Received: threads=0."),
        ({"gpus": -1}, "gpus must be >= 0. Received: gpus=-1."),
        ({"gpus": 5}, "gpus must be at most the number that there are, 4. Received: gpus=5."),
    ],
)
def test_numbers_that_cannot_be_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        divide(**{"jobs": 1, "threads": None, "gpus": None} | counts)
