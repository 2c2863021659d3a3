"""Logistic regression as the metrics use it: scikit-learn's defaults, now and before 2020."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


def fit_logistic_regression(
    features: np.ndarray, labels: np.ndarray, *, one_vs_rest: bool = False
) -> tuple["ClassifierMixin", bool]:
    """Returns scikit-learn's logistic regression with its default settings.

    The defaults are part of the metrics' definition, penalty and number of steps included, so that
    a warning about convergence would help nobody. They changed in scikit-learn 0.22 (December
    2019): from one classifier for each class against the rest, by liblinear, whose penalty also
    falls on the intercept, to a multinomial one by L-BFGS. Published numbers of before are from the
    former, and can be far away: it reads factors of many values less well.

    Args:
        features: float64 [n, num_features].
        labels: at least two different whole numbers, int64 [n].
        one_vs_rest: whether the defaults are those before scikit-learn 0.22.

    Returns:
        classifier: fitted.
        converged: whether it needed less than the steps it is given.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    if one_vs_rest:
        classifier = OneVsRestClassifier(LogisticRegression(solver="liblinear", random_state=0))
    else:
        classifier = LogisticRegression()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(features, labels)
    parts = classifier.estimators_ if one_vs_rest else [classifier]
    return classifier, all(part.n_iter_.max() < part.max_iter for part in parts)
