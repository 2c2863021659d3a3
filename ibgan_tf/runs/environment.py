"""environment.json: what each segment of a run, from its start or a resume, was computed with."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import subprocess
from collections.abc import Sequence

import ibgan_tf
from ibgan_tf import atomic

ENVIRONMENT_FILE = "environment.json"
_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")


def add_environment_segment(
    run_dir: str | os.PathLike[str], *, step: int, command: Sequence[str], replicas: int = 1
) -> None:
    """Appends an entry to environment.json.

    Call it after the number of threads has been set.

    Args:
        run_dir: the run directory, which exists.
        step: the step that the segment begins at.
        command: the program and its arguments.
        replicas: how many devices share a step's batch, on all machines together.

    Raises:
        ValueError: environment.json is damaged.
        OSError: the disk is full.
    """
    path = pathlib.Path(run_dir) / ENVIRONMENT_FILE
    segment = describe(step=step, command=command) | {"replicas": replicas}
    atomic.write_json(path, [*read_segments(run_dir), segment])


def read_segments(run_dir: str | os.PathLike[str]) -> list[dict[str, object]]:
    """Returns the entries of environment.json, oldest first; none if there is no such file.

    Args:
        run_dir: the run directory.

    Returns:
        A list of dicts with: step, time, command, versions, cpu, cores, threads, onednn, devices,
        commit, replicas; cpu to devices are of the machine that wrote the run.

    Raises:
        ValueError: environment.json is damaged.
    """
    path = pathlib.Path(run_dir) / ENVIRONMENT_FILE
    try:
        segments = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    except ValueError as error:
        raise ValueError(f"{path} must be JSON. Received: {error}. Remove it.") from error
    if not isinstance(segments, list):
        raise ValueError(f"{path} must hold a list. Received: {type(segments)}. Remove it.")
    return segments


def describe(*, step: int, command: Sequence[str]) -> dict[str, object]:
    """Returns one entry of environment.json. The host's name is nobody's business.

    Args:
        step: the step that it begins at.
        command: the program and its arguments.

    Returns:
        entry: see `read_segments`.
    """
    import tensorflow as tf  # here, so that reading records and flags doesn't wait for it

    threads = tf.config.threading.get_inter_op_parallelism_threads()
    cores = len(os.sched_getaffinity(0))
    return {
        "step": step,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(command),
        "versions": _versions(),
        "cpu": _cpu_model(),
        "cores": cores,
        "threads": threads or cores,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "TensorFlow's default"),
        "devices": [_device_name(device) for device in tf.config.get_visible_devices()],
        "commit": _commit(pathlib.Path(ibgan_tf.__file__).parent),
    }


def _versions() -> dict[str, str | None]:
    """Returns the versions of Python, of this package and of those that compute the numbers."""
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "ibgan_tf": ibgan_tf.__version__,
    }
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # installed under another name, tf-nightly
            versions[package] = None
    return versions


def _cpu_model() -> str:
    """Returns the processor's name, as Linux tells it if it does."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _device_name(device: object) -> str:
    """Returns "GPU NVIDIA H100" or "CPU" for a physical device of TensorFlow."""
    import tensorflow as tf

    details = tf.config.experimental.get_device_details(device)
    return f"{device.device_type} {details.get('device_name', '')}".strip()


def _commit(package_dir: pathlib.Path) -> str | None:
    """Returns the git commit that the package is at, with "-dirty" if files differ from it.

    Args:
        package_dir: the folder of the package.

    Returns:
        None if the package is not under version control: an installed copy within another
        project's checkout is not.
    """
    git = ["git", "-C", str(package_dir)]
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        for arguments in (["ls-files", "--error-unmatch", "__init__.py"], describe):
            answer = subprocess.run(
                git + arguments, capture_output=True, text=True, check=True, timeout=30
            )
    except (OSError, subprocess.SubprocessError):  # no git, no checkout, or no commit yet
        return None
    return answer.stdout.strip()
