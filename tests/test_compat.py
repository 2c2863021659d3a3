import importlib
import importlib.util
import logging
import sys
import warnings

import numpy as np
import pytest

from ibgan_tf import compat


@pytest.fixture
def fresh():
    """The function without the module that it remembers."""
    return compat.load_tfgan_eval.__wrapped__


def tfgan_modules():
    """Returns the modules that other code would find under TF-GAN's and TF-Hub's names."""
    packages = ("tensorflow_gan", "tensorflow_hub")
    return {name: m for name, m in sys.modules.items() if name.partition(".")[0] in packages}


def test_tfgan_eval_has_the_functions_that_the_metrics_use(fresh):
    module = fresh()
    features = np.eye(3)
    assert module.frechet_classifier_distance_from_activations(features, features) < 1e-9
    assert callable(module.kernel_classifier_distance_and_std_from_activations)
    assert callable(module.classifier_score_from_logits)


def test_loading_tfgan_eval_leaves_the_names_of_its_packages_free(fresh):
    before = tfgan_modules()
    fresh()
    assert tfgan_modules() == before


def test_loading_tfgan_eval_keeps_a_tensorflow_hub_that_is_there(fresh, monkeypatch):
    mine = compat._module("tensorflow_hub")
    monkeypatch.setitem(sys.modules, "tensorflow_hub", mine)
    fresh()
    assert sys.modules["tensorflow_hub"] is mine


def test_a_tfgan_that_the_user_has_imported_is_the_one_that_is_used(fresh, monkeypatch):
    for name in ("tensorflow_gan", "tensorflow_gan.python", "tensorflow_gan.python.eval"):
        monkeypatch.setitem(sys.modules, name, compat._module(name, []))
    assert fresh() is sys.modules["tensorflow_gan.python.eval"]


def test_without_tfgan_the_error_says_how_to_install_it(fresh, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"Run: pip install tensorflow-gan==2\.1\.0$"):
        fresh()


def test_the_work_around_for_tfgan_is_still_needed():
    before = tfgan_modules()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("tensorflow_gan")
    except (ImportError, AttributeError):  # of distutils, pkg_resources or tf.estimator
        return
    finally:
        for name in tfgan_modules().keys() - before.keys():
            if not name.startswith("tensorflow_hub"):  # it defines flags, which it can do once
                del sys.modules[name]
    pytest.fail(
        "`import tensorflow_gan` works: the work-around in ibgan_tf/compat.py can go. Delete "
        "load_tfgan_eval with its tests, and import tensorflow_gan in ibgan_tf/metrics/fid.py."
    )


def test_the_test_above_fails_once_tfgan_can_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_gan", compat._module("tensorflow_gan"))
    with pytest.raises(pytest.fail.Exception, match="can go"):
        test_the_work_around_for_tfgan_is_still_needed()


def test_deprecations_are_kept_out_of_the_log_within_the_block_and_nothing_else_is(caplog):
    log = logging.getLogger("tensorflow")
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        with compat.without_deprecations():
            log.warning("back_prop=False is deprecated")
            log.warning("the disk is full")
        log.warning("dtype is deprecated")
    assert caplog.messages == ["the disk is full", "dtype is deprecated"]
