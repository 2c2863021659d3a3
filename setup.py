"""Installation of ibgan_tf; BUILD.md says how and why."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "ibgan_tf" / "__init__.py").read_text("utf-8"), re.MULTILINE
)[1]

setuptools.setup(
    name="ibgan_tf",
    version=VERSION,
    description="Information-bottleneck generative models in TensorFlow and Keras",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    author="The ibgan_tf authors",
    license="Apache-2.0",
    packages=setuptools.find_packages(include=["ibgan_tf", "ibgan_tf.*"]),
    package_data={"ibgan_tf.metrics": ["classifiers/*/*"], "ibgan_tf.serving": ["page/*"]},
    python_requires=">=3.11,<3.14",  # TensorFlow 2.21 has no release for 3.14
    install_requires=[
        "tensorflow>=2.21,<2.22",  # tf_keras pins the minor release anyway
        "keras>=3.15,<4",
        "tf_keras>=2.21,<2.22",  # TensorFlow Probability needs it and doesn't declare it
        "tensorflow-probability>=0.25",
        "tensorflow-datasets>=4.9.10",
        "importlib_resources",  # tensorflow-datasets needs it and doesn't declare it
        "tensorflow-gan==2.1.0",  # Frechet distances, loaded through compat.py
        "tensorboard>=2.21",  # TensorFlow 2.21 no longer brings it; tf.summary needs it
        "absl-py",
        "matplotlib",
        "numpy",
        "pillow",
        "scikit-learn",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "serving": ["tensorflow-serving-api>=2.21,<2.22"],
        "sweep": ["ray>=2.60,<3"],  # runs sweeps on a cluster
        # What benchmarks/training_step.py compares with, and what benchmarks/jax_search.py runs on.
        "benchmark": ["torch==2.13.0", "jax==0.10.2"],
        "test": ["pytest>=8", "pytest-xdist>=3.6", "ruff>=0.9"],
    },
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
