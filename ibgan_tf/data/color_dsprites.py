"""Color-dSprites: dSprites with a coloured sprite on black, by either of two definitions.

Three data sets share the name. These two are coloured from the packed dSprites while they are read,
so no copy of the set is made.
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ibgan_tf import config, registry
from ibgan_tf.config import setting
from ibgan_tf.data import base, dsprites, sprites

LEVELS = np.rint(np.linspace(0.0, 1.0, 8) * 255.0).astype(np.uint8)  # of each channel
NUM_COLORS = len(LEVELS) ** 3
DARKEST = 0.5  # of the continuous definition, whose brightest is 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColorDSpritesSettings:
    """Settings of Color-dSprites.

    Raises:
        ValueError: a value is out of its range.
    """

    definition: str = setting(
        "levels",
        "levels: eight of each channel, 512 colours with black among them, colour is a factor "
        "(IB-GAN); continuous: channels uniform from 0.5 to 1, colour is noise "
        "(disentanglement_lib).",
        choices=("levels", "continuous"),
    )
    color_factors: int = setting(
        1,
        "Factors that the 512 colours count as: 1, as IB-GAN's six factors have it, or 3 of eight "
        "levels: red, green, blue.",
    )

    def __post_init__(self) -> None:
        config.check_settings(self)
        if self.color_factors not in (1, 3):
            raise ValueError(
                f"color_factors must be one of: 1, 3. Received: color_factors={self.color_factors}."
            )


class ColorDSprites:
    """Color-dSprites, from the same cache as dSprites.

    By levels, the set is the grid of 512 colours and 737,280 sprites: image i shows colour
    i // 737,280 and sprite i % 737,280, and colour 0 is black, on which nothing can be seen. The
    official code has votes for six factors, so that colour is one by default; whether it was one
    or three can't be settled from it. The images are the same, in the same order. Levels are
    rounded to whole numbers of 255, 0.43 off at most.

    With continuous colours the set has the factors of dSprites, and in training an image has
    another colour each time. Elsewhere image i always has the colour that is drawn from i.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        split: "train", all images; the set has no other.
        settings: of `ColorDSpritesSettings`.

    Raises:
        ValueError: an unknown split or setting, a damaged cache or archive.
        OSError: data_dir is a file, or its disk is full.
    """

    settings_class = ColorDSpritesSettings
    name = "color_dsprites"
    image_shape = (sprites.IMAGE_SIZE, sprites.IMAGE_SIZE, 3)

    def __init__(
        self, data_dir: str | os.PathLike | None = None, *, split: str = "train", **settings: object
    ) -> None:
        registry.lookup({"train": None}, split, kind="split")
        self.settings = config.override(ColorDSpritesSettings(), settings)
        self._sprites = dsprites.DSprites(data_dir)
        self.source, self.sha256 = self._sprites.source, self._sprites.sha256  # of the sprites
        names, sizes = _color_factors(self.settings)
        self.factor_names = (*names, *self._sprites.factor_names)
        self.factor_sizes = (*sizes, *self._sprites.factor_sizes)
        self.size = self._sprites.size * (NUM_COLORS if names else 1)
        # Random numbers that `images` takes for an image, of which training draws new ones.
        self.noise_dim = 0 if names else 3

    def images(self, indices: ArrayLike, noise: ArrayLike | None = None) -> np.ndarray:
        """Returns images by index.

        Args:
            indices: whole numbers in 0..size - 1, [n].
            noise: of continuous colours, in [0, 1), [n, 3]; drawn from the indices if None.

        Returns:
            images: uint8 [n, 64, 64, 3]: the colour on the sprite, 0 elsewhere.

        Raises:
            ValueError: an index is out of range.
        """
        indices = base.check_indices(indices, self.size)
        if self.settings.definition == "levels":
            color, indices = np.divmod(indices, self._sprites.size)
            colors = LEVELS[np.stack(np.unravel_index(color, (len(LEVELS),) * 3), axis=1)]
        else:
            noise = uniform_of(indices) if noise is None else np.asarray(noise)
            colors = np.rint((DARKEST + (1.0 - DARKEST) * noise) * 255.0).astype(np.uint8)
        shapes = self._sprites.images(indices)[..., 0]  # 255 or 0
        images = np.empty([*shapes.shape, 3], np.uint8)
        for channel, values in enumerate(colors.T):  # six times as fast as all three at once
            np.bitwise_and(shapes, values[:, np.newaxis, np.newaxis], out=images[..., channel])
        return images

    def factors(self, indices: ArrayLike) -> np.ndarray:
        """Returns the factor classes of images: see `base.factors_from_index`."""
        return base.factors_from_index(indices, self.factor_sizes)

    def index(self, factors: ArrayLike) -> np.ndarray:
        """Returns the indices of images by factor class: see `base.index_from_factors`."""
        return base.index_from_factors(factors, self.factor_sizes, factor_names=self.factor_names)


def uniform_of(indices: np.ndarray) -> np.ndarray:
    """Returns three numbers of each index, as good as random: SplitMix64 (Steele et al., 2014).

    Args:
        indices: int64 [n], >= 0.

    Returns:
        uniform: float64 [n, 3] in [0, 1).
    """
    counter = indices.astype(np.uint64)[:, np.newaxis] * np.uint64(3) + np.arange(
        3, dtype=np.uint64
    )
    mixed = (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)  # modulo 2**64
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)) * 2.0**-53


def _color_factors(settings: ColorDSpritesSettings) -> tuple[Sequence[str], Sequence[int]]:
    """Returns the names and sizes of the factors that colour is."""
    if settings.definition == "continuous":
        return (), ()
    if settings.color_factors == 1:
        return ("color",), (NUM_COLORS,)
    return ("red", "green", "blue"), (len(LEVELS),) * 3
