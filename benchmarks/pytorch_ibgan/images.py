"""dSprites on the device, and a baseline's codes of it. NumPy and PyTorch alone."""

import numpy as np
import torch

from ibgan_tf.data import base, sprites
from pytorch_ibgan import step as pytorch_step

COLOR_LEVELS = 8
SCORED_IMAGES = 100_000  # of 737,280 and more
BATCH_SIZE = 2_000  # of the images that are encoded


class Images:
    """dSprites, or Color-dSprites of 512 colours, from packed sprites.

    Args:
        packed: what `sprite_search.render` returns, on any device.
        colored: whether the sprites are coloured: image i then shows colour i // 737,280.
    """

    def __init__(self, packed: torch.Tensor, *, colored: bool = False):
        self._packed, self._colored = packed, colored
        self._shifts = torch.arange(7, -1, -1, device=packed.device, dtype=torch.uint8)
        self.channels = 3 if colored else 1
        self.factor_sizes = (*[COLOR_LEVELS**3] * colored, *sprites.FACTOR_SIZES)
        self.size = int(np.prod(self.factor_sizes))

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        """Returns images by index, float32 [n, channels, 64, 64] in [-1, 1]."""
        sprite = indices % len(self._packed)
        bits = (self._packed[sprite][:, :, None] >> self._shifts) & 1
        shapes = bits.reshape(-1, 1, sprites.IMAGE_SIZE, sprites.IMAGE_SIZE).float()
        if self._colored:
            color = torch.div(indices, len(self._packed), rounding_mode="floor")
            levels = [color // COLOR_LEVELS**power % COLOR_LEVELS for power in (2, 1, 0)]
            shapes = shapes * (torch.stack(levels, dim=1) / (COLOR_LEVELS - 1))[:, :, None, None]
        return shapes * 2.0 - 1.0


def codes(baseline: pytorch_step.Baseline, images: Images) -> tuple[np.ndarray, np.ndarray]:
    """Returns the two-step codes [n, r_dim] and the factors of a sample of the images."""
    indices = np.random.default_rng(0).choice(images.size, SCORED_IMAGES, replace=False)
    for network in baseline.networks():
        network.eval()
    means = []
    with torch.no_grad():
        for part in np.array_split(indices, SCORED_IMAGES // BATCH_SIZE):
            batch = images.images(torch.from_numpy(part).to(baseline.device))
            z_mean = baseline.reconstructor(baseline.front(batch))
            means.append(baseline.encoder(z_mean).chunk(2, dim=1)[0])
    for network in baseline.networks():
        network.train()
    return torch.cat(means).cpu().numpy(), base.factors_from_index(indices, images.factor_sizes)
