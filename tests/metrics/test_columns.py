import numpy as np

from ibgan_tf.metrics.columns import standardize


def test_the_first_table_sets_the_scale_of_all():
    first = np.array([[1.0, 5.0], [3.0, 5.0]])  # mean 2 and deviation 1; constant
    own, other = standardize(first, np.array([[4.0, 7.0]]))
    assert own.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert other.tolist() == [[2.0, 0.0]]
