"""Scores a run, an export, or anybody's codes.

    python scripts/evaluate.py --run_dir=runs/fast --metrics=all
    python scripts/evaluate.py --run_dir=runs/fast --metrics=fid,kid --inception_path=inception
    python scripts/evaluate.py --export_dir=models/ibgan-dsprites/1 --metrics=mig,factor_vae
    python scripts/evaluate.py --codes=codes.npy --dataset=dsprites --output_dir=scores

Each result is written to <run_dir>/metrics/step-N/ as soon as it is there; those of an export to
metrics/version-N/ beside its versions. A classifier that distances between images need, and that
doesn't come with the package, is trained and kept in the data folder.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from ibgan_tf import command_line

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "The run to score.")
command_line.define_flag(
    "step", str, "Which weights of the run: a number, last, or all.", default="last"
)
command_line.define_flag(
    "export_dir",
    str,
    "Instead of a run: an export that encodes, its version's folder or the one of all versions.",
)
command_line.define_flag("codes", str, "Instead of a run: an .npy file, row i is of image i.")
command_line.define_flag("indices", str, "With --codes: an .npy file, row i is of this image.")
command_line.define_flag("dataset", str, "With --codes: the data set of the images.")
command_line.define_flag(
    "metrics",
    str,
    "Names with commas between them; all, disentanglement and images stand for what the run can "
    "have of them.",
    default="all",
)
command_line.define_flag(
    "protocols", str, "Names with commas between them, or all.", default="disentanglement_lib"
)
command_line.define_flag("settings", str, "Sample sizes.", default="full", choices=("full", "fast"))
command_line.define_flag(
    "representation", str, "Which codes of the model; by default its first: r_mean for IB-GAN."
)
command_line.define_flag(
    "statistics",
    str,
    "BatchNorm statistics for encoding.",
    default="training",
    choices=("training", "real_images"),
)
command_line.define_flag(
    "num_samples",
    int,
    "Images of each kind for the distances between images; by default 10,000, or 5,000 if fast.",
)
command_line.define_flag(
    "inception_path",
    str,
    "For fid, kid and inception_score: folder of the SavedModel tensorflow/tfgan/eval/inception/1; "
    "by default its place in TFHUB_CACHE_DIR.",
)
command_line.define_flag("inception_sha256", str, "What the hash of Inception's files must be.")
command_line.define_flag("seed", int, "Of the metrics' own randomness.", default=0)
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")
command_line.define_flag("output_dir", str, "Where the results of codes or of an export go.")


# Those that belong to the run, the export or the codes that are scored.
_IMAGE_FLAGS = ("num_samples", "inception_path", "inception_sha256")
_FLAGS_OF = {
    "run_dir": ("step", "representation", "statistics", *_IMAGE_FLAGS),
    "codes": ("indices", "dataset", "output_dir"),
    "export_dir": ("representation", "output_dir"),
}


def main(_: Sequence[str]) -> None:
    """Encodes or reads the codes, scores them, writes each result and shows the table."""
    command_line.check_one_of(_FLAGS_OF)

    from ibgan_tf.evaluation import code_tables, evaluate

    settings = {
        "metrics": FLAGS.metrics.split(","),
        "protocols": FLAGS.protocols.split(","),
        "settings": FLAGS.settings,
        "seed": FLAGS.seed,
    }
    if FLAGS.run_dir is not None:
        evaluate.evaluate_run(
            FLAGS.run_dir,
            step=command_line.parse_step(FLAGS.step, "all"),
            representation=FLAGS.representation,
            statistics=FLAGS.statistics,
            num_samples=FLAGS.num_samples,
            inception_path=FLAGS.inception_path,
            inception_sha256=FLAGS.inception_sha256,
            data_dir=FLAGS.data_dir,
            **settings,
        )
    elif FLAGS.export_dir is not None:
        _evaluate_export(settings)
    else:
        code_tables.evaluate_codes(
            FLAGS.codes,
            dataset=command_line.required("dataset"),
            indices=FLAGS.indices,
            data_dir=FLAGS.data_dir,
            output_dir=pathlib.Path(command_line.required("output_dir")),
            **settings,
        )


def _evaluate_export(settings: dict[str, Any]) -> None:
    """Scores an export's codes of the data set that its model was trained on."""
    from ibgan_tf.evaluation import code_tables, codes
    from ibgan_tf.serving import encoding, opening

    def check(dataset: Any = None) -> None:
        code_tables.check_asked(
            settings["metrics"], settings["protocols"], seed=settings["seed"], dataset=dataset
        )

    def choose_images(dataset: Any) -> Any:
        check(dataset)  # before the minutes that encoding takes
        return codes.choose_images(dataset)

    check()
    export_dir = opening.newest_version(pathlib.Path(FLAGS.export_dir))
    found = encoding.encode_dataset(
        export_dir,
        representation=FLAGS.representation,
        choose_images=choose_images,
        data_dir=FLAGS.data_dir,
    )
    table = codes.CodeTable(
        codes=found.codes,
        indices=found.indices,
        provenance=found.provenance | {"codes_sha256": codes.array_hash(found.codes)},
    )
    output_dir = FLAGS.output_dir or encoding.results_folder(export_dir)
    code_tables.evaluate_table(
        table, found.dataset, output_dir=pathlib.Path(output_dir), **settings
    )


if __name__ == "__main__":
    command_line.run_main(main)
