"""The extra [serving]: what clients, servers and warm-up requests need besides."""

import importlib.util


def check_installed() -> None:
    """Refuses to go on without the packages of the extra.

    Raises:
        ValueError: one isn't installed.
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise ValueError(
            "tensorflow-serving-api must be installed to talk to a server. "
            'Received: no such package. Install it with: pip install "ibgan_tf[serving]"'
        )
