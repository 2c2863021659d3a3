"""Stands in for scripts/evaluate.py where a sweep is tested: notes its call, and writes a score."""

import json
import os
import pathlib
import sys

from ibgan_tf.runs import json_lines


def main():
    flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in sys.argv[1:])
    run_dir = pathlib.Path(flags["run_dir"])
    threads = os.environ.get("OMP_NUM_THREADS")
    json_lines.append(run_dir / "evaluations.jsonl", {"flags": sys.argv[1:], "threads": threads})
    if flags["metrics"] == "fid":
        print("evaluate.py: error: metric 'fid' can't be computed for this run.")
        return 1
    folder = run_dir / "metrics" / "step-3"
    folder.mkdir(parents=True, exist_ok=True)
    result = {"metric": "factor_vae", "score": 0.75, "step": 3}
    (folder / "factor_vae.json").write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
