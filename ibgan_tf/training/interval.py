"""The scalars of the steps since the last report."""

import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


class ReportInterval:
    """Sums of scalars since the last report, saved with every checkpoint.

    A run that is killed between two reports and resumed so reports the same means as one that
    never stopped.

    Attributes:
        saved: string variable for the checkpoint to track.
    """

    def __init__(self):
        self.saved = tf.Variable("", dtype=tf.string, trainable=False)
        self.clear()

    def clear(self) -> None:
        """Begins a new interval."""
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, names: Sequence[str], rows: np.ndarray) -> None:
        """Adds the scalars of some steps.

        Args:
            names: of the scalars.
            rows: their values, [num_steps, len(names)].
        """
        for name, values in zip(names, rows.T, strict=True):
            for value in values:  # one by one: the sum is the same however steps share calls
                self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += len(rows)

    def means(self) -> dict[str, float]:
        """Returns the mean of each scalar over the steps since the last report."""
        return {name: total / self._count for name, total in self._sums.items()}

    def prepare_save(self) -> None:
        """Puts the sums where the next checkpoint saves them."""
        self.saved.assign(json.dumps({"sums": self._sums, "count": self._count}))

    def take_saved(self) -> None:
        """Goes on from the sums that a checkpoint has restored, if one has."""
        saved = self.saved.numpy().decode()
        if saved:
            values = json.loads(saved)
            self._sums, self._count = values["sums"], values["count"]
