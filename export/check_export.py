"""Checks exports by the gate, without their runs: what a server would fail at, before it does.

python export/check_export.py models/ibgan-dsprites/1
"""

from collections.abc import Sequence

from ibgan_tf import command_line


def main(arguments: Sequence[str]) -> None:
    """Checks each folder and prints what was checked."""
    from ibgan_tf.serving import gate

    for export_dir in arguments[1:]:
        for line in gate.check_export(export_dir):
            print(line)
        print(f"{export_dir}: passed")


if __name__ == "__main__":
    command_line.run_main(main, positional="EXPORT_DIR")
