"""Opens a generator to be asked, in this process or on a server: the two can be used alike."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ibgan_tf.serving import card, client, runtime, server_config
from ibgan_tf.serving.signatures import SAVED_MODEL


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
    """A generator and what is known of it.

    Attributes:
        generator: has `signatures` and `run`; a context manager.
        title: what it is, for a page or a picture.
        latent: its latent parts as its card has them; None if it has none.
    """

    generator: runtime.SavedModelSession | client.Client
    title: str
    latent: Sequence[Mapping[str, Any]] | None


def open_export(model_dir: str | os.PathLike[str]) -> Opened:
    """Loads an export in this process, by the runtime that servers use.

    Args:
        model_dir: the folder of one version, or the folder that holds the version folders, of
            which the newest is taken.

    Raises:
        FileNotFoundError: there is no version, or it isn't an export of this project.
        ValueError: its card is damaged, or the runtime can't load it.
    """
    export_dir = newest_version(pathlib.Path(model_dir))
    about = card.read(export_dir)
    title = f"{about['method']} on {about['dataset']}, step {about['step']}"
    session = runtime.SavedModelSession(export_dir, about["signatures"])
    return Opened(generator=session, title=title, latent=about["latent"])


def open_server(server: str, *, model: str, **settings: Any) -> Opened:
    """Makes a client of a server, after asking it once.

    Args:
        server: "host:port".
        model: the model's name there.
        **settings: of `client.connect`.

    Raises:
        ValueError: as `client.connect`.
        client.ServingError: it doesn't answer.
    """
    connected = client.connect(server, model=model, **settings)
    try:
        _ = connected.signatures
    except client.ServingError:
        connected.close()
        raise
    return Opened(generator=connected, title=f"{model} on {connected.target.server}", latent=None)


def newest_version(model_dir: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the newest version in a folder, or the folder itself if it is one.

    Args:
        model_dir: a version's folder, or the one that holds the version folders.

    Raises:
        FileNotFoundError: it is neither.
    """
    if (model_dir / SAVED_MODEL).is_file():
        return model_dir
    found = server_config.published_versions(model_dir)
    if not found:
        raise FileNotFoundError(
            f"{model_dir} must hold an exported version, such as {model_dir / '1'}. "
            "Make one with: python export/export_model.py --run_dir=... --output_dir=..."
        )
    return model_dir / str(max(found))
