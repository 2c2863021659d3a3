import json
import logging
import types

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from ibgan_tf.metrics import fid


def draw(num, dim, *, seed, scale=1.0, shift=0.0):
    """Returns correlated Gaussian features [num, dim] of unequal variances."""
    mixing = np.random.default_rng(0).normal(size=(dim, dim)) / np.sqrt(dim)
    return scale * (np.random.default_rng(seed).normal(size=(num, dim)) @ mixing + shift)


def distance_by_eigenvalues(real, generated):
    """The definition in float64 NumPy: Tr (C C_w)^(1/2) = Tr (R C_w R)^(1/2) with R = C^(1/2)."""
    covariance, other = np.cov(real.T), np.cov(generated.T)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ other @ root).clip(0)
    between_means = np.sum((real.mean(0) - generated.mean(0)) ** 2)
    return between_means + np.trace(covariance) + np.trace(other) - 2 * np.sqrt(product).sum()


def distance_by_matrix_root(real, generated):
    """The definition as it is written, with SciPy's root of a matrix that isn't symmetric."""
    covariance, other = np.cov(real.T), np.cov(generated.T)
    root = scipy.linalg.sqrtm(covariance @ other)
    between_means = np.sum((real.mean(0) - generated.mean(0)) ** 2)
    return between_means + np.trace(covariance + other - 2 * root.real)


@pytest.mark.parametrize("dim", [64, 192])
def test_frechet_distance_is_that_of_float64_numpy_and_scipy(dim):
    real, generated = draw(600, dim, seed=1), draw(500, dim, seed=2, scale=1.2, shift=0.1)
    score = fid.frechet_classifier_distance(real, generated)["score"]
    # Each linear algebra library, on each processor, rounds the roots of small eigenvalues anew.
    np.testing.assert_allclose(score, distance_by_eigenvalues(real, generated), rtol=1e-7)
    np.testing.assert_allclose(score, distance_by_matrix_root(real, generated), rtol=1e-7)


def test_frechet_distance_of_one_feature_is_that_of_means_and_of_standard_deviations():
    real, generated = draw(60, 1, seed=1), draw(50, 1, seed=2, scale=1.2, shift=0.1)
    deviations = real.std(ddof=1) - generated.std(ddof=1)
    expected = (real.mean() - generated.mean()) ** 2 + deviations**2
    score = fid.frechet_classifier_distance(real, generated)["score"]
    np.testing.assert_allclose(score, expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1e3])
def test_frechet_distance_scales_with_the_square_of_the_features(scale):
    real, generated = draw(200, 16, seed=1), draw(200, 16, seed=2, shift=0.2)
    expected = scale**2 * distance_by_eigenvalues(real, generated)
    score = fid.frechet_classifier_distance(scale * real, scale * generated)["score"]
    np.testing.assert_allclose(score, expected, rtol=1e-9)


def test_frechet_distance_of_float32_features_is_computed_in_float64():
    real, generated = (draw(200, 16, seed=seed).astype(np.float32) for seed in (1, 2))
    expected = distance_by_eigenvalues(real.astype(np.float64), generated.astype(np.float64))
    score = fid.frechet_classifier_distance(real, generated)["score"]
    np.testing.assert_allclose(score, expected, rtol=1e-9)


def decaying(num, dim):
    """Returns features whose principal variances fall over eight decades."""
    rotation = np.linalg.qr(draw(dim, dim, seed=3))[0]
    return np.random.default_rng(4).normal(size=(num, dim)) * np.logspace(0, -4, dim) @ rotation


@pytest.mark.parametrize(
    "features",
    [
        draw(300, 64, seed=1),
        draw(300, 64, seed=1, scale=1e-7),
        draw(300, 64, seed=1, scale=1e4, shift=3.0),
        np.maximum(draw(300, 64, seed=1), 0.0).astype(np.float32),
        np.repeat(draw(300, 8, seed=1), 8, axis=1),
        decaying(300, 64),
    ],
    ids=["plain", "small", "large", "rectified", "repeated", "decaying"],
)
def test_frechet_distance_of_features_to_themselves_is_1e_6_of_the_traces_at_most(features):
    result = fid.frechet_classifier_distance(features, features)
    traces = 2 * np.var(features, axis=0, ddof=1, dtype=np.float64).sum()
    np.testing.assert_allclose(result["traces"], traces, rtol=1e-6)
    assert abs(result["unclamped"]) < 1e-6 * traces
    assert result["score"] == max(result["unclamped"], 0.0)


def test_a_distance_below_zero_is_reported_as_zero_beside_what_was_computed(monkeypatch):
    module = types.SimpleNamespace(frechet_classifier_distance_from_activations=lambda *_: -1e-12)
    monkeypatch.setattr(fid.compat, "load_tfgan_eval", lambda: module)
    features = draw(20, 4, seed=1)
    result = fid.frechet_classifier_distance(features, features)
    assert result["score"] == 0.0
    assert result["unclamped"] < 0.0


def test_expected_bias_is_the_average_distance_of_two_samples_of_one_gaussian():
    pairs = [(draw(200, 16, seed=2 * i), draw(300, 16, seed=2 * i + 1)) for i in range(30)]
    distances = [distance_by_eigenvalues(*pair) for pair in pairs]
    bias = fid.frechet_classifier_distance(draw(5000, 16, seed=1), pairs[0][1])["expected_bias"]
    bias *= (1 / 200 + 1 / 300) / (1 / 5000 + 1 / 300)
    error = np.std(distances, ddof=1) / np.sqrt(len(distances))
    assert abs(bias - np.mean(distances)) < 4 * error + 0.05 * bias


def test_few_samples_give_a_warning_with_the_bias_in_the_result_and_in_the_log(caplog):
    real, generated = draw(50, 4, seed=1), draw(60, 4, seed=2)
    with caplog.at_level(logging.WARNING):
        result = fid.frechet_classifier_distance(real, generated)
    [warning] = result["warnings"]
    assert f"by about {result['expected_bias']:.4g} for a perfect generator" in warning
    assert caplog.messages == [f"frechet_classifier_distance: {warning}"]


def test_ten_thousand_samples_give_no_warning():
    real, generated = draw(10_000, 2, seed=1), draw(10_000, 2, seed=2)
    assert fid.frechet_classifier_distance(real, generated)["warnings"] == []


def test_a_generator_of_one_image_is_a_mean_away_and_the_real_variance():
    real, generated = draw(100, 5, seed=1), np.full((100, 5), 0.3)
    result = fid.frechet_classifier_distance(real, generated)
    expected = np.sum((real.mean(0) - 0.3) ** 2) + np.trace(np.cov(real.T))
    np.testing.assert_allclose(result["score"], expected, rtol=1e-9)
    assert "all 100 generated images have the same features" in result["warnings"]


def test_two_constant_sets_are_as_far_apart_as_their_means():
    result = fid.frechet_classifier_distance(np.zeros((9, 4)), np.full((9, 4), 0.5))
    np.testing.assert_allclose(result["score"], 4 * 0.5**2, rtol=1e-12)
    assert result["expected_bias"] == 0.0


def test_fewer_samples_than_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"at least 8 samples.*num_real=20, num_generated=7\."):
        fid.frechet_classifier_distance(draw(20, 8, seed=1), draw(7, 8, seed=2))


DISTANCES = [fid.frechet_classifier_distance, fid.kernel_classifier_distance]


@pytest.mark.parametrize("metric", DISTANCES)
def test_features_of_different_widths_are_refused(metric):
    with pytest.raises(ValueError, match=r"same width.*real_features=\(20, 8\).*=\(20, 7\)"):
        metric(draw(20, 8, seed=1), draw(20, 7, seed=1))


@pytest.mark.parametrize("metric", DISTANCES)
@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e60])
def test_features_that_are_not_finite_are_refused_with_their_row(metric, value):
    generated = draw(20, 3, seed=1)
    generated[7, 1] = value
    with pytest.raises(ValueError, match="generated_features must be finite.*1 of 20.*is row 7"):
        metric(draw(20, 3, seed=2), generated)


@pytest.mark.parametrize("shape", [(20,), (20, 2, 2), (1, 3), (0, 3), (20, 0)])
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"real_features must be of shape \[n, width\]"):
        fid.frechet_classifier_distance(np.zeros(shape), draw(20, 3, seed=1))


def test_features_that_are_not_numbers_are_refused():
    with pytest.raises(TypeError, match="Received: dtype=<U1"):
        fid.frechet_classifier_distance(np.full((20, 3), "a"), draw(20, 3, seed=1))


@pytest.mark.parametrize("metric", DISTANCES)
def test_large_features_that_are_accepted_give_a_finite_score(metric):
    assert np.isfinite(metric(draw(9, 3, seed=1, scale=1e49), draw(9, 3, seed=2))["score"])


def kernel_distance(real, generated):
    """The unbiased estimator over pairs of different samples, by its definition."""
    dim = real.shape[1]

    def pairs(left, right):
        return (left @ right.T / dim + 1) ** 3

    def between_different(rows):
        return pairs(rows, rows)[~np.eye(len(rows), dtype=bool)].mean()

    cross = pairs(real, generated).mean()
    return between_different(real) + between_different(generated) - 2 * cross


def test_kernel_distance_in_one_block_is_that_of_numpy_and_has_no_error_estimate():
    real, generated = draw(100, 8, seed=1), draw(90, 8, seed=2, shift=0.2)
    result = fid.kernel_classifier_distance(real, generated)
    np.testing.assert_allclose(result["score"], kernel_distance(real, generated), rtol=1e-9)
    assert result["standard_error"] is None


def test_kernel_distance_over_blocks_is_their_mean_with_its_standard_error():
    real, generated = draw(60, 8, seed=1), draw(60, 8, seed=2, shift=0.2)
    result = fid.kernel_classifier_distance(real, generated, max_block_size=20, seed=5)
    rng = np.random.default_rng(5)
    blocks = zip(*(np.split(rng.permutation(x), 3) for x in (real, generated)), strict=True)
    distances = [kernel_distance(*block) for block in blocks]
    np.testing.assert_allclose(result["score"], np.mean(distances), rtol=1e-9)
    error = np.std(distances, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(result["standard_error"], error, rtol=1e-9)


def test_kernel_distance_of_one_distribution_may_be_negative():
    same = draw(40, 8, seed=1)
    assert fid.kernel_classifier_distance(same, same)["score"] < 0.0


def test_kernel_distance_does_not_ask_for_more_samples_than_dimensions():
    score = fid.kernel_classifier_distance(draw(5, 50, seed=1), draw(5, 50, seed=2))["score"]
    expected = kernel_distance(draw(5, 50, seed=1), draw(5, 50, seed=2))
    np.testing.assert_allclose(score, expected, rtol=1e-9)


def test_kernel_distance_refuses_blocks_without_pairs():
    with pytest.raises(ValueError, match=r"over 4 blocks.*num_real=40, num_generated=7\."):
        fid.kernel_classifier_distance(draw(40, 8, seed=1), draw(7, 8, seed=2), max_block_size=10)
    with pytest.raises(ValueError, match="max_block_size must be >= 2"):
        fid.kernel_classifier_distance(draw(40, 8, seed=1), draw(7, 8, seed=2), max_block_size=1)


def test_kernel_distance_keeps_tensorflow_from_logging_deprecations(caplog):
    with caplog.at_level(logging.WARNING):
        fid.kernel_classifier_distance(draw(9, 3, seed=1), draw(9, 3, seed=2))
    assert caplog.messages == []


def test_classifier_score_is_that_of_numpy():
    logits = 3.0 * np.random.default_rng(1).normal(size=(100, 5))
    probabilities = scipy.special.softmax(logits, axis=1)
    marginal = probabilities.mean(axis=0)
    divergences = scipy.special.rel_entr(probabilities, marginal).sum(axis=1)
    expected = np.exp(divergences.mean())
    np.testing.assert_allclose(fid.classifier_score(logits)["score"], expected, rtol=1e-9)


def test_classifier_score_is_the_number_of_classes_where_each_is_sure_and_as_frequent():
    np.testing.assert_allclose(fid.classifier_score(900 * np.eye(6))["score"], 6.0, rtol=1e-9)


def test_classifier_score_is_one_where_every_image_looks_alike():
    same = np.tile([2.0, 0.0, -1.0], (10, 1))
    np.testing.assert_allclose(fid.classifier_score(same)["score"], 1.0, rtol=1e-9)


def test_classifier_score_leaves_out_a_class_of_no_probability():
    logits = np.concatenate([900 * np.eye(3), np.full((3, 1), -900.0)], axis=1)
    result = fid.classifier_score(logits)
    np.testing.assert_allclose(result["score"], 3.0, rtol=1e-9)
    assert result["num_classes"] == 4


def test_classifier_score_refuses_logits_that_are_not_finite_or_of_one_class():
    with pytest.raises(ValueError, match="logits must be finite"):
        fid.classifier_score([[0.0, np.nan], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"logits must be of shape.*width >= 2.*\(3, 1\)"):
        fid.classifier_score(np.zeros((3, 1)))


def test_every_result_can_be_written_as_json():
    real, generated = draw(50, 4, seed=1), draw(60, 4, seed=2)
    results = [metric(real, generated) for metric in DISTANCES] + [fid.classifier_score(real)]
    for result in results:
        assert json.loads(json.dumps(result, allow_nan=False)) == result
        assert result["implementation"].startswith("tensorflow_gan 2.")
