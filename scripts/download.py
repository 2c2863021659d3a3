"""Fetches a data set over the network: python scripts/download.py --dataset=dsprites

Training never does this by itself. dSprites doesn't need it either: it is rendered, and the
download replaces the rendered images with the official ones. Where a set can't be fetched (CelebA's
quota, 3D Chairs), it says how to do it by hand, and exits with 1 until the images are there.
"""

import sys

from absl import app, flags

from ibgan_tf import registry
from ibgan_tf.data import DOWNLOADS

DATASET = flags.DEFINE_string("dataset", "dsprites", f"one of: {', '.join(DOWNLOADS)}")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the data (default: the user's cache)")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"There are flags only. Received: {argv[1]!r}.")
    try:
        folder = registry.lookup(DOWNLOADS, DATASET.value, kind="dataset")(DATA_DIR.value)
    except (ValueError, OSError) as error:
        sys.exit(f"download.py: {error}")
    print(f"{DATASET.value} is in {folder}")


if __name__ == "__main__":
    app.run(main)
