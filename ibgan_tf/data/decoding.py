"""Writes shards of pictures in processes of their own, which end when this one does.

A process that decodes gets its calls on its input and answers with a line each. When this process
is killed the input ends, and so does the other: no pool of processes is left behind. One that dies,
in a library that decodes or for lack of memory, takes nothing else with it.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import pickle
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator

from ibgan_tf.data import picture_shards
from ibgan_tf.data.picture_shards import Shard

Call = tuple[object, ...]  # the arguments of `picture_shards.write_shard`


def write_shards(calls: Iterator[Call], *, num_processes: int) -> Iterator[Shard]:
    """Yields shards as they are written, in any order.

    Args:
        calls: taken one by one, when a process is free.
        num_processes: how many decode; 1 for this one alone.

    Raises:
        OSError: as of `picture_shards.write_shard`, or a process died.
    """
    if num_processes <= 1:
        for call in calls:
            yield picture_shards.write_shard(*call)
        return
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(num_processes):
            process = stack.enter_context(_process())
            selector.register(process.stdout, selectors.EVENT_READ, process)
            _ask(process, calls, selector)
        while selector.get_map():
            for key, _ in selector.select():
                shard = _answer(key.data)
                _ask(key.data, calls, selector)
                yield shard


@contextlib.contextmanager
def _process() -> Iterator[subprocess.Popen]:
    """Yields a process that decodes, and ends it."""
    paths = [str(pathlib.Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-c", "from ibgan_tf.data import decoding; decoding.serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            with contextlib.suppress(BrokenPipeError):  # of a call that it hasn't read
                process.stdin.close()


def _ask(
    process: subprocess.Popen, calls: Iterator[Call], selector: selectors.BaseSelector
) -> None:
    """Gives a process its next call; if there is none, no answer is waited for."""
    call = next(calls, None)
    if call is None:
        selector.unregister(process.stdout)
        return
    with contextlib.suppress(BrokenPipeError):  # it is dead, and so will be its answer
        pickle.dump(call, process.stdin)
        process.stdin.flush()


def _answer(process: subprocess.Popen) -> Shard:
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise OSError(
            "A process that decodes pictures must live. Received: exit code "
            f"{process.wait()}, perhaps for lack of memory. What is done is kept: run the same "
            "command again."
        )
    answer = json.loads(line)
    if "error" in answer:
        raise OSError(*answer["error"])
    return picture_shards.from_json(answer)


def serve() -> None:
    """Answers calls until the input ends: what such a process does."""
    with contextlib.suppress(BrokenPipeError):  # nobody waits for the answer any more
        _serve()


def _serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        call = ()
        try:
            call = pickle.load(sys.stdin.buffer)
            answer = dataclasses.asdict(picture_shards.write_shard(*call))
        except EOFError:
            return
        except Exception as error:
            answer = {"error": _arguments(error, call)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _arguments(error: Exception, call: Call) -> list[int | str]:
    """Returns the arguments of the OSError that tells of an error elsewhere."""
    if isinstance(error, OSError):
        if error.errno is None:
            return [str(error)]
        filename = [] if error.filename is None else [str(error.filename)]
        return [error.errno, error.strerror, *filename]
    number = call[1] if len(call) > 1 else "without a number"
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return [f"Shard {number} must be written. Received: {reason}. Run the same command again."]
