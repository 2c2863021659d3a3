"""One training step of IB-GAN in PyTorch: the same networks, losses, passes and optimizers as ours.

Both orders of updates: `simultaneous` is what the official code meant (all gradients from one
forward pass), which PyTorch has refused since 1.5 in the form that the official code has.
"""

import contextlib
import dataclasses

import torch
from torch.nn import functional

from pytorch_ibgan import networks

ENCODERS = {
    "32-32": {"hidden": (32, 32), "batch_norm": False},
    "64-64-32": {"hidden": (64, 64, 32), "batch_norm": True},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings, with the names and defaults of `ibgan_tf.models.ibgan_settings.IBGANConfig`.

    The benchmark's test compares the two; the file can't be imported without TensorFlow.
    """

    z_dim: int = 16
    r_dim: int = 10
    beta: float = 0.141
    beta_start: float = 0.0
    beta_hold_steps: int = 0
    beta_steps: int = 0
    information_weight: float = 1.0
    generator_width: int = 16
    discriminator_width: int = 16
    trunk: str = "separate"
    encoder: str = "32-32"
    initialization: str = "normal"
    update_order: str = "alternating"
    generator_learning_rate: float = 5e-5
    discriminator_learning_rate: float = 1e-6
    learning_rate_end: float = 1.0
    learning_rate_hold_steps: int = 0
    learning_rate_steps: int = 0
    rho: float = 0.99
    momentum: float = 0.9
    epsilon: float = 1e-16  # inside the root; PyTorch's own is its root, outside
    instance_noise_start: float = 1.0
    instance_noise_end: float = 0.0
    instance_noise_steps: int = 100_000
    real_label_low: float = 1.0
    real_label_high: float = 1.0
    reconstruct_real_images: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """How PyTorch computes a step: none of it changes what is computed.

    Attributes:
        precision: "float32", or "bfloat16" by autocast.
        compile: whether `torch.compile` compiles each network.
        channels_last: whether images and kernels lie in memory as [batch, h, w, channels].
    """

    precision: str = "float32"
    compile: bool = False
    channels_last: bool = False

    def __str__(self):
        parts = [
            "compiled" if self.compile else "eager",
            *["channels_last"] * self.channels_last,
            self.precision,
        ]
        return " ".join(parts)


class Baseline:
    """IB-GAN's networks and optimizers, and a step over them.

    Args:
        settings: of the method.
        form: of the computation.
        channels: of the images.
        device: "cpu" or "cuda".
        seed: of the initial weights and of all noise.
        capturable: whether a CUDA graph can hold the optimizers' updates.
    """

    def __init__(
        self,
        settings: Settings,
        form: Form,
        *,
        channels: int = 1,
        device: str = "cpu",
        seed: int = 0,
        capturable: bool = False,
    ):
        torch.manual_seed(seed)
        self.settings, self.form, self.device = settings, form, torch.device(device)
        self.random = None  # the generator of all noise; None: PyTorch's own
        self.step_number = 0
        s, width = settings, settings.discriminator_width
        self.encoder = networks.encoder(s.z_dim, s.r_dim, **ENCODERS[s.encoder])
        self.generator = networks.generator(s.r_dim, channels, width=s.generator_width)
        if s.trunk == "shared":
            self.front = torch.nn.Sequential(*networks.front(channels, width=width))
            self.discriminator = networks.head(1, width=width)
            self.reconstructor = networks.head(s.z_dim, width=width)
        else:
            self.front = torch.nn.Identity()
            self.discriminator = networks.discriminator(channels, width=width)
            self.reconstructor = networks.reconstructor(channels, s.z_dim, width=width)
        for network in self.networks():
            networks.initialize(network, s.initialization)
            network.to(self.device)
            if form.channels_last:
                network.to(memory_format=torch.channels_last)
        self.generator_side = _parameters(self.encoder, self.generator, self.reconstructor)
        self.discriminator_side = _parameters(self.front, self.discriminator)
        scheduled = capturable and s.learning_rate_steps > 0
        self.optimizers = [
            torch.optim.RMSprop(
                parameters,
                # A CUDA graph reads a rate that changes from memory.
                lr=torch.tensor(rate, device=self.device) if scheduled else rate,
                alpha=s.rho,
                momentum=s.momentum,
                eps=s.epsilon**0.5,
                foreach=True,  # the fastest form that it has
                capturable=capturable,
            )
            for parameters, rate in (
                (self.generator_side, s.generator_learning_rate),
                (self.discriminator_side, s.discriminator_learning_rate),
            )
        ]
        if form.compile:
            # The discriminator's graph of generated images is walked twice.
            torch._functorch.config.donated_buffer = False
            # All Sequentials share code, and after 8 forms of it the rest would silently be eager.
            torch._dynamo.config.recompile_limit = 1024
            torch._dynamo.config.accumulated_recompile_limit = 1024
            for name in ("encoder", "generator", "front", "discriminator", "reconstructor"):
                setattr(self, name, torch.compile(getattr(self, name)))

    def networks(self) -> list[torch.nn.Module]:
        """Returns all networks."""
        return [self.encoder, self.generator, self.front, self.discriminator, self.reconstructor]

    def step(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Updates every network once.

        Args:
            images: float32 [batch, channels, 64, 64] in [-1, 1].

        Returns:
            scalars: means over the batch; information in nats.
        """
        noise = self.draw_noise(images)
        self._set_learning_rates()
        generator_optimizer, discriminator_optimizer = self.optimizers
        if self.settings.update_order == "simultaneous":
            gradients, scalars = self.simultaneous_gradients(images, noise)
            _apply(discriminator_optimizer, self.discriminator_side, gradients[1])
            _apply(generator_optimizer, self.generator_side, gradients[0])
        else:
            scalars = self._alternating_step(images, noise)
        self.step_number += 1
        return scalars

    def draw_noise(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the step's draws: z, the noise of r, and the instance noise of both batches."""
        batch = len(images)
        s = self.settings

        def normal(*shape):
            return torch.randn(*shape, device=self.device, generator=self.random)

        return {
            "z": normal(batch, s.z_dim),
            "code": normal(batch, s.r_dim),
            "real": normal(*images.shape),
            "generated": normal(*images.shape),
        }

    def simultaneous_gradients(self, images, noise) -> tuple[tuple, dict[str, torch.Tensor]]:
        """Returns the gradients of both sides from one forward pass, and the step's scalars."""
        with self._precision():
            real = self._add_instance_noise(images, noise["real"])
            generated, encoded = self._generate(noise)
            features = self.front(generated)
            logits = self.discriminator(features)[:, 0]
            objective, scalars = self._objective(logits, features, noise["z"], encoded)
            discriminator_loss = self._discriminator_loss(real, logits)
        discriminator_gradients = torch.autograd.grad(
            discriminator_loss, self.discriminator_side, retain_graph=True
        )
        generator_gradients = torch.autograd.grad(objective, self.generator_side)
        return (generator_gradients, discriminator_gradients), scalars

    def _alternating_step(self, images, noise) -> dict[str, torch.Tensor]:
        generator_optimizer, discriminator_optimizer = self.optimizers
        with self._precision():
            real = self._add_instance_noise(images, noise["real"])
            generated, encoded = self._generate(noise)
            logits = self.discriminator(self.front(generated.detach()))[:, 0]
            loss = self._discriminator_loss(real, logits)
        gradients = torch.autograd.grad(loss, self.discriminator_side)
        _apply(discriminator_optimizer, self.discriminator_side, gradients)
        with self._precision():
            features = self.front(generated)
            logits = self.discriminator(features)[:, 0]
            objective, scalars = self._objective(logits, features, noise["z"], encoded)
        gradients = torch.autograd.grad(objective, self.generator_side)
        _apply(generator_optimizer, self.generator_side, gradients)
        return scalars

    def _generate(self, noise):
        mean, log_variance = self.encoder(noise["z"]).float().chunk(2, dim=1)
        r = mean + torch.exp(0.5 * log_variance) * noise["code"]
        generated = self.generator(r).float()
        return self._add_instance_noise(generated, noise["generated"]), (mean, log_variance)

    def _objective(self, logits, features, z, encoded):
        z_mean = self.reconstructor(features).float()
        mean, log_variance = encoded
        kl = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance)  # [batch, r_dim]
        lower_bound = 0.5 * (z**2 - (z - z_mean) ** 2).sum(dim=1)
        upper_bound = kl.sum(dim=1)
        adversarial = functional.softplus(-logits.float())
        s = self.settings
        information = s.information_weight * lower_bound - self._beta() * upper_bound
        scalars = {
            "information_lower_bound": lower_bound.mean().detach(),
            "information_upper_bound": upper_bound.mean().detach(),
            "generator_loss": adversarial.mean().detach(),
            "kl": kl.mean(dim=0).detach(),
        }
        return (adversarial - information).mean(), scalars

    def _discriminator_loss(self, real, generated_logits):
        features = self.front(real)
        if self.settings.reconstruct_real_images:
            with torch.no_grad():  # for BatchNorm's statistics only
                self.reconstructor(features)
        real_logits = self.discriminator(features)[:, 0].float()
        low, high = self.settings.real_label_low, self.settings.real_label_high
        labels = low
        if high > low:
            uniform = torch.rand(len(real), device=self.device, generator=self.random)
            labels = low + (high - low) * uniform
        loss = functional.softplus(-real_logits) + (1.0 - labels) * real_logits
        return (loss + functional.softplus(generated_logits.float())).mean()

    def _beta(self) -> float | torch.Tensor:
        s = self.settings
        if not s.beta_steps:
            return s.beta
        progress = self.progress(s.beta_hold_steps, s.beta_steps)
        return s.beta_start + progress * (s.beta - s.beta_start)

    def _set_learning_rates(self) -> None:
        s = self.settings
        if not s.learning_rate_steps:
            return
        progress = self.progress(s.learning_rate_hold_steps, s.learning_rate_steps)
        part = 1.0 + progress * (s.learning_rate_end - 1.0)
        rates = (s.generator_learning_rate, s.discriminator_learning_rate)
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].copy_(rate * part)
                else:
                    group["lr"] = float(rate * part)

    def progress(self, hold_steps: int, steps: int) -> float | torch.Tensor:
        """Returns how far a linear schedule has come, 0 to 1."""
        return min(max((self.step_number - hold_steps) / steps, 0.0), 1.0)

    def _add_instance_noise(self, images, noise):
        s = self.settings
        progress = self.progress(0, s.instance_noise_steps)
        scale = s.instance_noise_start + progress * (s.instance_noise_end - s.instance_noise_start)
        noisy = (images + scale * noise).clamp(-1.0, 1.0)
        if self.form.channels_last:
            noisy = noisy.contiguous(memory_format=torch.channels_last)
        return noisy

    def _precision(self):
        if self.form.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def _parameters(*modules: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]


def _apply(optimizer: torch.optim.Optimizer, parameters, gradients) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
