"""Trains IB-GAN's PyTorch baseline on dSprites, on CPU or GPU, to search settings.

    python benchmarks/pytorch_baseline.py --steps=20000 --beta=0.141 --log=log.jsonl

Needs NumPy and PyTorch alone (ibgan_tf's renderer and FactorVAE score are NumPy), so that it runs
on a machine without TensorFlow. A setting that it finds becomes a preset only after a run of
ibgan_tf. Settings are those of `pytorch_ibgan.step.Settings`, by the names of train.py's flags.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import numpy as np
import torch
from pytorch_ibgan import step as pytorch_step

from ibgan_tf.data import base, sprites
from ibgan_tf.metrics import factor_vae_score

SCORED_IMAGES = 100_000  # of the 737,280, for the score while training


class Sprites:
    """The 737,280 dSprites images, bit-packed on the device.

    Args:
        device: where they lie, 377 MB.
    """

    def __init__(self, device: torch.device):
        packed = np.concatenate(list(sprites.render()))
        self._packed = torch.from_numpy(packed.reshape(-1, sprites.PACKED_BYTES)).to(device)
        self._shifts = torch.arange(7, -1, -1, device=device, dtype=torch.uint8)
        self.size = len(self._packed)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        """Returns images by index, float32 [n, 1, 64, 64], -1 or 1."""
        bits = (self._packed[indices][:, :, None] >> self._shifts) & 1
        side = sprites.IMAGE_SIZE
        return bits.reshape(-1, 1, side, side).float() * 2.0 - 1.0


def factor_vae(baseline: pytorch_step.Baseline, images: Sprites) -> dict[str, float]:
    """Returns the FactorVAE score of the two-step codes of a sample of the images."""
    indices = np.random.default_rng(0).choice(images.size, SCORED_IMAGES, replace=False)
    for network in baseline.networks():
        network.eval()
    codes = []
    with torch.no_grad():
        for part in np.array_split(indices, SCORED_IMAGES // 500):
            batch = images.images(torch.from_numpy(part).to(baseline.device))
            z_mean = baseline.reconstructor(baseline.front(batch))
            codes.append(baseline.encoder(z_mean).chunk(2, dim=1)[0].cpu().numpy())
    for network in baseline.networks():
        network.train()
    factors = base.factors_from_index(indices, sprites.FACTOR_SIZES)
    found = factor_vae_score(np.concatenate(codes), factors, settings="fast")
    return {"factor_vae": found["score"], "num_active_dims": int(found["num_active_dims"])}


def train(
    baseline: pytorch_step.Baseline,
    images: Sprites,
    *,
    steps: int,
    batch_size: int,
    report_every: int,
    score_every: int,
    log: pathlib.Path,
    seed: int,
) -> None:
    """Trains, and writes a row of JSON per report: means of the scalars since the last.

    Args:
        baseline: the networks.
        images: of the data set.
        steps: in all.
        batch_size: images of a step.
        report_every: steps between rows.
        score_every: steps between scores; 0: none.
        log: file of the rows, appended to.
        seed: of the data order.
    """
    generator = torch.Generator(device=baseline.device).manual_seed(seed)
    sums: dict[str, torch.Tensor] = {}
    began = time.monotonic()
    for step in range(1, steps + 1):
        indices = torch.randint(
            images.size, [batch_size], generator=generator, device=baseline.device
        )
        for name, value in baseline.step(images.images(indices)).items():
            sums[name] = sums.get(name, 0.0) + value
        if step % report_every == 0:
            row = {"step": step, "steps_per_second": report_every / (time.monotonic() - began)}
            row |= {name: (value / report_every).tolist() for name, value in sums.items()}
            if score_every and step % score_every == 0:
                row |= factor_vae(baseline, images)
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            shown = ", ".join(f"{value:.2f}" for value in row["kl"])
            print(
                f"{step:>7,}  {row['steps_per_second']:6.1f}/s  "
                f"I^L {row['information_lower_bound']:5.2f}  KL {shown}  "
                f"{row.get('factor_vae', '')}",
                flush=True,
            )
            sums, began = {}, time.monotonic()


def main() -> None:
    """Reads the flags and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--report_every", type=int, default=100)
    parser.add_argument("--score_every", type=int, default=5_000)
    parser.add_argument("--log", type=pathlib.Path, default=pathlib.Path("pytorch_baseline.jsonl"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true")
    for field in dataclasses.fields(pytorch_step.Settings):
        parse = type(field.default)
        if parse is bool:
            parser.add_argument(
                f"--{field.name}", action=argparse.BooleanOptionalAction, default=field.default
            )
        else:
            parser.add_argument(f"--{field.name}", type=parse, default=field.default)
    given = vars(parser.parse_args())
    names = [field.name for field in dataclasses.fields(pytorch_step.Settings)]
    settings = pytorch_step.Settings(**{name: given[name] for name in names})
    form = pytorch_step.Form(
        precision=given["precision"], compile=given["compile"], channels_last=True
    )
    baseline = pytorch_step.Baseline(settings, form, device=given["device"], seed=given["seed"])
    with open(given["log"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 0, **dataclasses.asdict(settings)}) + "\n")
    train(
        baseline,
        Sprites(baseline.device),
        steps=given["steps"],
        batch_size=given["batch_size"],
        report_every=given["report_every"],
        score_every=given["score_every"],
        log=given["log"],
        seed=given["seed"],
    )


if __name__ == "__main__":
    main()
