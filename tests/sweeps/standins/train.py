"""Stands in for scripts/train.py where a sweep is tested: its flags, files, lock and exit codes.

It "trains" in no time, a row of the log per step; what befalls it is the setting `fate` of the
model: "well", "fails" at step 2 with a reason, "waits" at step 2 until there is a file go beside
the run directory, "deaf" as "waits" but without an ear for SIGTERM, which ends the others with 143
after the step that they are at.
"""

import json
import pathlib
import signal
import sys
import time

from ibgan_tf.runs import json_lines
from ibgan_tf.runs.lock import lock

OPTIONS = ("steps", "batch_size", "seed", "threads")


def main():
    flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in sys.argv[1:])
    run_dir = pathlib.Path(flags.pop("run_dir"))
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with lock(run_dir):
        json_lines.append(run_dir / "calls.jsonl", {"flags": sys.argv[1:]})
        if "resume" not in flags:
            write_record(run_dir, flags)
        record = json.loads((run_dir / "config.json").read_text())
        fate = record["model_config"]["fate"]
        rows = json_lines.read(run_dir / "log.jsonl")
        (run_dir / "DONE").unlink(missing_ok=True)
        for step in range(len(rows) + 1, record["options"]["steps"] + 1):
            if stopped:
                print("SIGTERM: stopping, with a checkpoint")
                return 143
            row = {"step": step, "steps_per_second": 10.0, "loss": 1 / step, "kl/r00": 0.5}
            json_lines.append(run_dir / "log.jsonl", row)
            if step == 2 and fate == "fails":
                print("working\nthe loss isn't finite", flush=True)
                return 1
            while fate in ("waits", "deaf") and step >= 2 and not (stopped and fate == "waits"):
                if (run_dir.parent / "go").exists():
                    break
                time.sleep(0.005)
        (run_dir / "DONE").write_text("")
    return 0


def write_record(run_dir, flags):
    """Writes config.json, with numbers as numbers."""
    values = {name: number(text) for name, text in flags.items() if name != "data_dir"}
    record = {name: values.pop(name) for name in ("model", "dataset")}
    options = {name: values.pop(name) for name in OPTIONS if name in values}
    record |= {"format": 1, "preset": "none", "image_shape": [8, 8, 1], "data_source": {}}
    record |= {"options": options, "model_config": values, "dataset_settings": {}}
    (run_dir / "config.json").write_text(json.dumps({**record}))


def number(text):
    """Returns a number as one, and another text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
