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

import torch
from measuring import sprite_search
from pytorch_ibgan import images as pytorch_images
from pytorch_ibgan import step as pytorch_step


def train(
    baseline: pytorch_step.Baseline,
    images: pytorch_images.Images,
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
                row |= sprite_search.factor_vae(
                    *pytorch_images.codes(baseline, images), settings="fast"
                )
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
        pytorch_images.Images(torch.from_numpy(sprite_search.render()).to(baseline.device)),
        steps=given["steps"],
        batch_size=given["batch_size"],
        report_every=given["report_every"],
        score_every=given["score_every"],
        log=given["log"],
        seed=given["seed"],
    )


if __name__ == "__main__":
    main()
