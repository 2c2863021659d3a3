"""The official IB-GAN networks in PyTorch: what ours are compared with.

Images are [batch, channels, 64, 64], as everywhere in PyTorch. Our own code: the official one no
longer runs.
"""

from collections.abc import Sequence

from torch import nn

STRIDED = {"kernel_size": 4, "stride": 2, "padding": 1}


def encoder(z_dim: int, r_dim: int, *, hidden: Sequence[int], batch_norm: bool) -> nn.Sequential:
    """Returns e(r|z): z [batch, z_dim] -> mean and log variance [batch, 2 * r_dim]."""
    layers, width = [], z_dim
    for units in hidden:
        layers += [nn.Linear(width, units), *[nn.BatchNorm1d(units)] * batch_norm, nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 2 * r_dim))


def generator(r_dim: int, channels: int, *, width: int) -> nn.Sequential:
    """Returns G: r [batch, r_dim] -> images in [-1, 1]."""
    n = width
    layers = []
    for inputs, units in ((r_dim, 16 * n), (16 * n, 8 * 8 * 4 * n)):
        layers += [nn.Linear(inputs, units), nn.BatchNorm1d(units), nn.ReLU()]
    layers.append(nn.Unflatten(1, (4 * n, 8, 8)))
    square = {"kernel_size": 3, "padding": 1}
    for inputs, outputs, form in (
        (4 * n, 4 * n, square),
        (4 * n, 4 * n, square),
        (4 * n, 2 * n, STRIDED),
        (2 * n, n, STRIDED),
    ):
        layers += [
            nn.ConvTranspose2d(inputs, outputs, bias=False, **form),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(n, channels, **STRIDED), nn.Tanh())


def front(channels: int, *, width: int) -> list[nn.Module]:
    """Returns the three strided convolutions; the first has a bias and isn't normalised."""
    n = width
    layers = [nn.Conv2d(channels, n, **STRIDED), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((n, 2 * n), (2 * n, 4 * n)):
        layers += _normalised(nn.Conv2d(inputs, outputs, bias=False, **STRIDED), outputs)
    return layers


def separate_trunk(channels: int, *, width: int) -> list[nn.Module]:
    """Returns the trunk of model.py: images -> [batch, 16 * width, 1, 1]."""
    n = width
    return [
        *front(channels, width=n),
        *_normalised(nn.Conv2d(4 * n, 8 * n, 3, padding=1, bias=False), 8 * n),
        *_normalised(nn.Conv2d(8 * n, 16 * n, 8, bias=False), 16 * n),
    ]


def discriminator(channels: int, *, width: int) -> nn.Sequential:
    """Returns model.py's discriminator: images -> logits [batch, 1]."""
    trunk = separate_trunk(channels, width=width)
    return nn.Sequential(*trunk, nn.Conv2d(16 * width, 1, 1), nn.Flatten())


def reconstructor(channels: int, z_dim: int, *, width: int) -> nn.Sequential:
    """Returns model.py's reconstructor: images -> mean of q(z|x), [batch, z_dim]."""
    hidden = 16 * width
    return nn.Sequential(
        *separate_trunk(channels, width=width),
        *_normalised(nn.Conv2d(hidden, hidden, 1), hidden),
        nn.Conv2d(hidden, z_dim, 1),
        nn.Flatten(),
    )


def head(output_dim: int, *, width: int) -> nn.Sequential:
    """Returns a head of model2.py: the front's map [batch, 4 * width, 8, 8] -> [batch, output]."""
    n = width
    return nn.Sequential(
        *_normalised(nn.Conv2d(4 * n, 4 * n, 3, padding=1, bias=False), 4 * n),
        *_normalised(nn.Conv2d(4 * n, 4 * n, 3, padding=1, bias=False), 4 * n),
        *_normalised(nn.Conv2d(4 * n, 16 * n, 8, bias=False), 16 * n),
        nn.Conv2d(16 * n, output_dim, 1),
        nn.Flatten(),
    )


def initialize(network: nn.Module, scheme: str) -> None:
    """Draws the kernels, normal(0, 0.02) or orthogonal, and sets the biases to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if scheme == "normal":
                nn.init.normal_(module.weight, 0.0, 0.02)
            else:
                nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _normalised(convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(channels), nn.LeakyReLU(0.2)]
