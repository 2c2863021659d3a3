"""Fetches a data set over the network: python scripts/download.py --dataset=dsprites

Training never does this by itself. dSprites doesn't need it either: it is rendered, and the
download replaces the rendered images with the official ones. Where a set can't be fetched (CelebA's
quota, 3D Chairs), it says how to do it by hand, and exits with 1 until the images are there.
"""

import sys
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line, registry
from ibgan_tf.data import DOWNLOADS

FLAGS = flags.FLAGS

command_line.define_flag("dataset", str, f"One of: {', '.join(DOWNLOADS)}.", default="dsprites")
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")


def main(_: Sequence[str]) -> int:
    """Fetches the set; where that can't be done, shows how to in the lines after the first."""
    download = registry.lookup(DOWNLOADS, FLAGS.dataset, kind="dataset")
    try:
        folder = download(FLAGS.data_dir)
    except (ValueError, OSError) as error:
        print(f"download.py: error: {error}", file=sys.stderr)
        return 1
    print(f"{FLAGS.dataset} is in {folder}")
    return 0


if __name__ == "__main__":
    command_line.run_main(main)
