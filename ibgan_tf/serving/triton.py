"""NVIDIA's Triton as a server of an export, and processes that ask it.

Triton comes with the wheel `nvidia-pytriton`, which wants NumPy 1, so that it has an environment of
its own, with TensorFlow's library beside it (`make serve-test` makes it). This file runs in ours:
it starts `triton_server` and `triton_client` there, and never imports them.

    with TritonServer(export_dir, python=".venv-triton/bin/python") as server:
        with TritonClient(server) as client:
            client.run("serving_default", {"z": z})
"""

import collections
import contextlib
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ibgan_tf import registry
from ibgan_tf.ports import free_ports
from ibgan_tf.serving import card, requests, server_config, triton_lines
from ibgan_tf.serving.packing import pack, unpack
from ibgan_tf.serving.status import StatusError

_START_SECONDS = 180.0  # about 20 on a quiet machine
_EXIT_SECONDS = 30  # at most, for calls under way and what Triton tidies up
_STOP_SECONDS = 120.0  # about 10 on a quiet machine
_SHARED = "pytrtion"  # so pytriton spells it, before the number of its process
_KEPT_LINES = 8  # of what the server said last, for an error
_MAKE = "Make it with: make serve-test"
# What is wrong with the environment: a line, or nothing.
_PROBE = """
import ctypes, importlib.util, pathlib, sys, sysconfig
library = "libpython%d.%d.so.1.0" % sys.version_info[:2]
path = pathlib.Path(sysconfig.get_config_var("LIBDIR") or "", library)
missing = [name for name in ("pytriton", "tritonclient") if not importlib.util.find_spec(name)]
folders = getattr(importlib.util.find_spec("tensorflow"), "submodule_search_locations", ())
if not any(pathlib.Path(folder, "libtensorflow_cc.so.2").exists() for folder in folders):
    missing.append("tensorflow-cpu")
if sys.version_info[:2] not in ((3, 11), (3, 12)):
    print("Triton's Python must be 3.11 or 3.12. Received: " + sys.version.split()[0])
elif not path.exists():
    print("Triton's backend needs Python's shared library. Received: no file %s" % path)
elif missing:
    print("Triton's environment must have " + ", ".join(missing) + ". Received: " + sys.prefix)
"""


def why_not(python: str | os.PathLike[str]) -> str | None:
    """Returns why Triton can't run here; None if it seems that it can.

    Args:
        python: of Triton's environment.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return (
            "nvidia-pytriton is for Linux on x86_64 alone. "
            f"Received: {sys.platform} on {platform.machine()}."
        )
    if not pathlib.Path(python).is_file():
        return f"Triton's environment must exist. Received: no file {python}. {_MAKE}"
    probe = subprocess.run(
        [python, "-c", _PROBE], capture_output=True, text=True, env=_environment(), timeout=60
    )
    if probe.returncode:
        last = probe.stderr.strip().splitlines()[-1:] or ["nothing"]
        return f"{python} must run. Received: exit status {probe.returncode}, {last[0]}"
    return probe.stdout.strip() or None


def batching(export_dir: pathlib.Path) -> tuple[int, int]:
    """Returns the batching.config beside a version: the largest batch, and microseconds to wait.

    Args:
        export_dir: the version's folder.
    """
    path = export_dir.parent / server_config.FOLDER / "batching.config"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = dict(re.findall(r"^(\w+) \{ value: (\d+) \}$", text, re.MULTILINE))
    largest = found.get("max_batch_size", requests.MAX_BATCH)
    return int(largest), int(found.get("batch_timeout_micros", 0))


class TritonServer:
    """Triton, from the beginning of a with block to its end; its every signature is a model.

    Attributes:
        signatures: that it serves, as the export's card has them.
        version: of the export, and of each model.
        grpc_address, http_address, metrics_address: "host:port".
        imported: TensorFlow's names that the process which answers has imported; none.

    Args:
        export_dir: the folder of one version.
        python: of Triton's environment.
        host: the address to listen at.
        ports: of gRPC, HTTP and metrics; any free ones if None.
        only: the signatures to serve, all if None; each takes two seconds to start and 100 MB.

    Raises:
        FileNotFoundError: `export_dir` holds no export of this project.
        ValueError: Triton can't run here, or a signature is unknown.
    """

    def __init__(
        self,
        export_dir: str | os.PathLike[str],
        *,
        python: str | os.PathLike[str],
        host: str = "127.0.0.1",
        ports: tuple[int, int, int] | None = None,
        only: Sequence[str] | None = None,
    ):
        reason = why_not(python)
        if reason:
            raise ValueError(reason)
        self.export_dir = pathlib.Path(export_dir).absolute()
        known = card.read(self.export_dir)
        chosen = known["signatures"] if only is None else only
        self.signatures = {
            name: registry.lookup(known["signatures"], name, kind="signature") for name in chosen
        }
        self.version = int(known["version"])
        self.python = pathlib.Path(python)
        self.imported: list[str] = []
        self._host = host
        self._ports = ports or tuple(free_ports(3, host=host))
        self.grpc_address, self.http_address, self.metrics_address = (
            f"{host}:{port}" for port in self._ports
        )
        self._said: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._started = threading.Event()
        self._ready = False

    def __enter__(self) -> "TritonServer":
        largest, wait = batching(self.export_dir)
        grpc, http, metrics = self._ports
        settings = {
            "export_dir": str(self.export_dir),
            "signatures": self.signatures,
            "version": self.version,
            "host": self._host,
            "grpc_port": grpc,
            "http_port": http,
            "metrics_port": metrics,
            "max_batch": largest,
            "queue_microseconds": wait,
            "exit_seconds": _EXIT_SECONDS,
        }
        with contextlib.ExitStack() as stack:
            self._process = stack.enter_context(_started(self.python, "triton_server"))
            stack.callback(self._end)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            with contextlib.suppress(BrokenPipeError):  # it has ended: said below
                self._process.stdin.write(json.dumps(settings) + "\n")
                self._process.stdin.flush()
            self._started.wait(_START_SECONDS)
            if not self._ready:
                raise ValueError(
                    f"Triton must start within {_START_SECONDS:.0f} s. "
                    f"Received: {' / '.join(self._said) or 'nothing'}"
                )
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _read(self) -> None:
        """Reads what the server says, so that it never waits for a reader."""
        for line in self._process.stdout:
            before, mark, told = line.partition(triton_lines.READY)
            if mark:
                self.imported = json.loads(told)["imported"]
                self._ready = True
                self._started.set()
            elif before.strip():
                self._said.append(before.strip())
        self._started.set()

    def _end(self) -> None:
        """Ends the server, and waits until its ports are free."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        # What Triton's backend shares with its process outlives a server that was killed.
        for path in pathlib.Path("/dev/shm").glob(f"{_SHARED}{self._process.pid}-*"):
            path.unlink(missing_ok=True)


class TritonClient:
    """A process that asks a server, from the beginning of a with block to its end.

    Args:
        server: it must run.
        deadline: of each call, in seconds.
    """

    def __init__(self, server: TritonServer, *, deadline: float = 60.0):
        self._server = server
        self._deadline = deadline

    def __enter__(self) -> "TritonClient":
        starting = _started(self._server.python, "triton_client", self._server.grpc_address)
        with contextlib.ExitStack() as stack:
            self._process = stack.enter_context(starting)
            stack.callback(self._end)
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns what a signature answers.

        Args:
            signature: the model's name; nothing is checked before Triton does.
            inputs: name -> array.

        Raises:
            StatusError: Triton refuses the call, or doesn't answer in time.
        """
        outputs = self._ask(signature, inputs)["outputs"]
        tensors = self._server.signatures[signature]["outputs"]
        arrays = {name: unpack(packed) for name, packed in outputs.items()}
        return {
            name: array.reshape(array.shape[: len(tensors[name]["shape"])])
            for name, array in arrays.items()
        }

    def measure(
        self, signature: str, inputs: Mapping[str, np.ndarray], *, seconds: float, min_calls: int
    ) -> tuple[list[float], float]:
        """Returns how long each of many equal calls took, and how far their answers were apart.

        Args:
            signature: the model's name.
            inputs: name -> array.
            seconds: for how long to ask, one call after the other.
            min_calls: however long they take.

        Returns:
            times: in seconds, as the process that asks has measured them.
            furthest: the largest difference of an answer from the first.

        Raises:
            StatusError: a call failed; the rest weren't made.
        """
        answer = self._ask(signature, inputs, seconds=seconds, min_calls=min_calls)
        return answer["times"], answer["furthest"]

    def _ask(
        self, signature: str, inputs: Mapping[str, np.ndarray], **settings: float
    ) -> dict[str, Any]:
        request = {
            "model": signature,
            "version": str(self._server.version),
            "deadline": self._deadline,
            "inputs": {name: pack(array) for name, array in inputs.items()},
            **settings,
        }
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise StatusError("UNAVAILABLE", "the process that asks has ended") from error
        for line in self._process.stdout:
            if line.startswith(triton_lines.ANSWER):
                answer = json.loads(line.removeprefix(triton_lines.ANSWER))
                if "error" in answer:
                    raise StatusError(**answer["error"])
                return answer
        raise StatusError("UNAVAILABLE", "the process that asks has ended")

    def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(_STOP_SECONDS)


@contextlib.contextmanager
def _started(python: pathlib.Path, module: str, *arguments: str) -> Iterator[subprocess.Popen]:
    """Yields a process of Triton's environment that runs one of our modules.

    It sees this package alone, by a link, and none of the packages that may lie beside it. It is in
    a session of its own: Ctrl-C of a terminal is for the process that started it.
    """
    with tempfile.TemporaryDirectory(prefix="ibgan-package-") as folder:
        (pathlib.Path(folder) / "ibgan_tf").symlink_to(pathlib.Path(__file__).parents[1])
        process = subprocess.Popen(
            [python, "-m", f"ibgan_tf.serving.{module}", *arguments],
            env=_environment() | {"PYTHONPATH": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.stdout.close()


def _environment() -> dict[str, str]:
    """Returns the environment of a process, without what is for our own Python."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONDONTWRITEBYTECODE": "1"}
