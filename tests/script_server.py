"""Runs scripts in real processes that needn't import TensorFlow first, which takes long.

It imports what scripts import and then, for each request, a line of JSON on its input, forks: the
new process sets what was asked for and becomes the script. The answer is the process's id; asked to
wait for that, the server answers with the exit code.
"""

import json
import os
import pathlib
import resource
import runpy
import signal
import sys
import traceback

from ibgan_tf import command_line  # noqa: F401  first, for it sets what TensorFlow reads
from ibgan_tf.data import DATASETS
from ibgan_tf.models import MODELS

ROOT = pathlib.Path(__file__).parents[1]
TIME_LIMIT = 300  # seconds after which SIGALRM ends a process that hangs
HEAVY = ("ibgan_tf.training", "ibgan_tf.plotting", "tensorflow_datasets", "tensorboard")


def set_up(request):
    """Gives the new process its output, its limits and its devices."""
    signal.alarm(TIME_LIMIT)
    os.environ.update(request["environment"])
    for name, stream in (("output", 1), ("errors", 2)):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, stream)
        os.close(file)
    if request["largest_file"]:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], hard))
    if request["cpus"] > 1:
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * request["cpus"]
        tf.config.set_logical_device_configuration(cpu, parts)


def run_script(request):
    """Runs the script and returns its exit code."""
    sys.argv = [str(ROOT / request["script"]), *request["arguments"]]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        if request["tell_imports"]:
            print("imported:", *(name for name in HEAVY if name in sys.modules))
    return 70


def serve():
    """Answers requests until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait_for" in request:
            _, status = os.waitpid(request["wait_for"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            set_up(request)
            code = run_script(request)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    toy = runpy.run_path(str(ROOT / "tests" / "training" / "toy.py"))
    MODELS["toy"], DATASETS["toy"] = toy["ToyModel"], toy["ToyImages"]
    serve()
