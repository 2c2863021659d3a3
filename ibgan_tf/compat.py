"""The one place that works round a dependency, each time with the reason."""

import contextlib
import functools
import importlib
import importlib.util
import logging
import os
import sys
import types
from collections.abc import Iterator

_TFGAN = "tensorflow_gan"
_HUB = "tensorflow_hub"


@functools.cache
def load_tfgan_eval() -> types.ModuleType:
    """Returns TF-GAN's evaluation module, `tensorflow_gan.eval`, without the rest of TF-GAN.

    `import tensorflow_gan` fails since TensorFlow 2.16, which removed tf.estimator: TF-GAN 2.1.0
    subclasses it in modules that its packages import, and that its metrics don't need. So the
    metrics are imported from packages that are empty but for their path. They import
    tensorflow_hub too, for functions that Keras 3 has broken, and it needs the pkg_resources that
    setuptools 82 removed: an empty module stands in for it. `sys.modules` is left as it was found,
    so a user's own `import tensorflow_gan` or `import tensorflow_hub` is not affected.

    Returns:
        module: its functions on arrays work: `frechet_classifier_distance_from_activations`,
            `kernel_classifier_distance_and_std_from_activations`, `classifier_score_from_logits`
            and others. `run_inception` and what calls it don't.

    Raises:
        FileNotFoundError: TF-GAN isn't installed.
    """
    if _TFGAN in sys.modules:  # a user's own import of it has worked
        return importlib.import_module(f"{_TFGAN}.python.eval")
    spec = importlib.util.find_spec(_TFGAN)  # finds, and doesn't execute, the package
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "TF-GAN must be installed for Frechet and kernel distances and classifier scores. "
            f"Received: no {_TFGAN} for {sys.executable}. Run: pip install tensorflow-gan==2.1.0"
        )
    path = list(spec.submodule_search_locations)
    inner_path = [os.path.join(folder, "python") for folder in path]
    stand_ins = [_module(_TFGAN, path), _module(f"{_TFGAN}.python", inner_path), _module(_HUB)]
    with _stand_ins_for_imports(stand_ins):
        return importlib.import_module(f"{_TFGAN}.python.eval")


@contextlib.contextmanager
def without_deprecations() -> Iterator[None]:
    """Keeps TensorFlow's log from telling the user about deprecated arguments, within the block.

    TF-GAN passes `back_prop=False` to `tf.map_fn`, and TensorFlow logs eight lines about it.
    """

    def is_news(record: logging.LogRecord) -> bool:
        return "is deprecated" not in record.getMessage()

    log = logging.getLogger("tensorflow")
    log.addFilter(is_news)
    try:
        yield
    finally:
        log.removeFilter(is_news)


def _module(name: str, path: list[str] | None = None) -> types.ModuleType:
    """Returns an empty module, or with a path, an empty package."""
    module = types.ModuleType(name)
    if path is not None:
        module.__path__ = path
    return module


@contextlib.contextmanager
def _stand_ins_for_imports(stand_ins: list[types.ModuleType]) -> Iterator[None]:
    """Has imports within the block find these modules; afterwards `sys.modules` is as before."""
    packages = {module.__name__.partition(".")[0] for module in stand_ins}

    def take_out() -> dict[str, types.ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] in packages]
        return {name: sys.modules.pop(name) for name in names}

    before = take_out()
    sys.modules.update({module.__name__: module for module in stand_ins})
    try:
        yield
    finally:
        take_out()
        sys.modules.update(before)
