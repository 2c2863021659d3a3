"""The gradients of one IB-GAN step by PyTorch, kept in pytorch_reference.npz for the test.

    python tests/models/pytorch_reference.py        # writes the file again; needs torch

Weights, images and noise are given by formulas, so that the file holds gradients alone.
"""

import pathlib
import sys
from collections.abc import Sequence

import numpy as np

HERE = pathlib.Path(__file__).parent
FILE = HERE / "pytorch_reference.npz"
BENCHMARKS = HERE.parents[1] / "benchmarks"

BATCH_SIZE, IMAGE_SIZE = 4, 64
SETTINGS = {
    "z_dim": 4,
    "r_dim": 3,
    "generator_width": 1,
    "discriminator_width": 1,
    "update_order": "simultaneous",
}
TRUNKS = ("separate", "shared")
NETWORKS = ("encoder", "generator", "front", "discriminator", "reconstructor")


def values(shape: Sequence[int], salt: int) -> np.ndarray:
    """Returns numbers of about unit variance that look like noise: float32 of a shape."""
    number = np.arange(np.prod(shape, dtype=np.int64), dtype=np.float64)
    angle = 12.9898 * (number + 1.0) ** 1.1 + 78.233 * salt
    return (1.41 * np.sin(angle)).reshape(shape).astype(np.float32)


def draws() -> dict[str, np.ndarray]:
    """Returns the step's images, [batch, h, w, 1] in [-1, 1], and its noise."""
    image_shape = (BATCH_SIZE, IMAGE_SIZE, IMAGE_SIZE, 1)
    return {
        "images": np.sign(values(image_shape, 1)),
        "z": values((BATCH_SIZE, SETTINGS["z_dim"]), 2),
        "code": values((BATCH_SIZE, SETTINGS["r_dim"]), 3),
        "real": values(image_shape, 4),
        "generated": values(image_shape, 5),
    }


def weight(shape: Sequence[int], salt: int) -> np.ndarray:
    """Returns a weight in PyTorch's layout: kernels keep the scale of what passes them."""
    if len(shape) == 1:
        return np.float32(0.3) * values(shape, salt) + np.float32(1 - salt % 2)
    return values(shape, salt) / np.float32(np.sqrt(np.prod(shape[1:])))


def torch_gradients(trunk: str) -> dict[str, list[np.ndarray]]:
    """Returns each network's gradients of its side's loss, in PyTorch's order and layout."""
    sys.path.insert(0, str(BENCHMARKS))
    import torch
    from pytorch_ibgan import step as pytorch_step

    baseline = pytorch_step.Baseline(
        pytorch_step.Settings(trunk=trunk, **SETTINGS), pytorch_step.Form()
    )
    networks = {name: list(getattr(baseline, name).parameters()) for name in NETWORKS}
    for network, parameters in networks.items():
        for number, parameter in enumerate(parameters):
            salt = 100 * NETWORKS.index(network) + number
            parameter.data = torch.from_numpy(weight(tuple(parameter.shape), salt))
    given = {name: torch.from_numpy(array) for name, array in draws().items()}
    for name in ("images", "real", "generated"):
        given[name] = given[name].permute(0, 3, 1, 2).contiguous()
    images = given.pop("images")
    sides, _ = baseline.simultaneous_gradients(images, given)
    gradients = {}
    for side, members in zip(
        sides, (("encoder", "generator", "reconstructor"), ("front", "discriminator")), strict=True
    ):
        remaining = iter(side)
        for network in members:
            gradients[network] = [next(remaining).numpy() for _ in networks[network]]
    return gradients


def reference() -> dict[str, np.ndarray]:
    """Returns what the file holds: "trunk/network/number" -> gradient."""
    return {
        f"{trunk}/{network}/{number}": gradient
        for trunk in TRUNKS
        for network, gradients in torch_gradients(trunk).items()
        for number, gradient in enumerate(gradients)
    }


if __name__ == "__main__":
    np.savez_compressed(FILE, **reference())
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
