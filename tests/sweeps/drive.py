"""A sweep of stand-ins as a process of its own, without TensorFlow.

python drive.py STUDY SWEEP_DIR JOBS [RAY_ADDRESS]
"""

import pathlib
import runpy
import sys

from ibgan_tf.sweeps import commands, folders, local, on_ray, plan, study, sweep

HERE = pathlib.Path(__file__).parent
TABLES = runpy.run_path(str(HERE / "toy.py"))["TABLES"]


def main():
    study_path, sweep_dir, jobs, *address = sys.argv[1:]

    def open_engine():
        if not address:
            return local.LocalEngine([{}] * int(jobs))
        return on_ray.RayEngine(jobs=int(jobs), threads=1, gpus=None, address=address[0])

    runs, _ = folders.match_folders(
        plan.plan_runs(study.read_study(study_path), **TABLES), sweep_dir, **TABLES
    )
    scripts = commands.Scripts(folder=HERE / "standins", threads=None, data_dir=None)
    return sweep.run_sweep(
        runs,
        sweep_dir,
        scripts,
        open_engine,
        study=pathlib.Path(study_path).read_text(),
    )


if __name__ == "__main__":
    sys.exit(main())
