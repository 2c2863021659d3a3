"""What the explorer's page asks of a generator: pictures of a code, random codes, codes of images.

The generator is an export in this process (`runtime.SavedModelSession`) or on a server
(`client.Client`): both have `signatures` and `run`. What the page can do follows from the
signatures; nothing else of the model is known here, except what its card says.
"""

import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ibgan_tf.data import image_files
from ibgan_tf.plotting import grids
from ibgan_tf.serving import pictures, requests
from ibgan_tf.serving.pictures import Generator

STRIP_COLUMNS = 11
LIMIT = 10.0  # the largest value of a code that is taken; a normal prior's lie within 5
_SHOWN_RANGE = (-3.0, 3.0)  # of a slider, where the prior has no range of its own
_KL_SAMPLES = 4096
_RANGE_SAMPLES = 128  # of which one of a normal prior's always lies beyond 1
_LARGEST_SIDE = 8192  # pixels of an uploaded image
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")

Code = dict[str, list[float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dimension:
    """A dimension of the code, with a slider of its own.

    Attributes:
        part: the latent part, such as "r".
        index: its place there.
        kl: how much the generator uses it, in nats; None if that isn't known.
        low: where the slider begins.
        high: where it ends.
    """

    part: str
    index: int
    kl: float | None
    low: float
    high: float


class Explorer:
    """Answers the page.

    Args:
        generator: the export.
        title: what is explored, for the page.
        latent: the latent parts as the model's card has them, with their ranges and the KL of
            each dimension; without, ranges are read off samples, and the KL is worked out from
            `encode_noise`, where there is that, against a standard normal prior.
        seed: of random codes; None for others each time.

    Raises:
        ValueError: the generator has no signature from a code to PNG files.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        title: str,
        latent: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
    ):
        self.title = title
        self._generator = generator
        self._random = np.random.default_rng(seed)
        known = generator.signatures
        self._png = pictures.png_signature(known)
        self.sizes = pictures.code_sizes(known)
        self._has_noise_encoder = "encode_noise" in known
        parts = {entry["name"]: entry for entry in latent or () if entry["name"] in self.sizes}
        self._ranges = (
            self._sampled_ranges()
            if latent is None
            else {n: tuple(e["range"]) for n, e in parts.items() if e.get("range")}
        )
        turned = [part for part in self.sizes if parts.get(part, {}).get("traversable", True)]
        kl = {part: entry.get("kl") for part, entry in parts.items()} or self._measured_kl()
        self.dimensions = self._dimensions(turned, kl)

    def description(self) -> dict[str, Any]:
        """Returns what the page begins with."""
        return {
            "title": self.title,
            "dimensions": [dataclasses.asdict(dimension) for dimension in self.dimensions],
            "code": self._first_code(),
            "random": ["z", "r"] if self._has_noise_encoder else ["code"],
            "strip": "traverse" in self._generator.signatures,
            "encode": bool(self._code_outputs()),
            "columns": STRIP_COLUMNS,
        }

    def warm_up(self) -> None:
        """Asks everything once: the first call of a signature takes a hundred times the others."""
        about = self.description()
        self.picture(about["code"])
        for source in about["random"]:
            self.random_code(source)
        if about["strip"] and self.dimensions:
            self.strip(about["code"], self.dimensions[0].part, self.dimensions[0].index)
        if about["encode"]:
            contents = io.BytesIO()
            Image.new("L", (1, 1)).save(contents, format="PNG")
            self.code_of(contents.getvalue())

    def picture(self, code: Any) -> bytes:
        """Returns the PNG file of a code.

        Args:
            code: part -> its values, as the page sent it.

        Raises:
            ValueError: it is no code of this generator.
        """
        inputs = {part: [values] for part, values in self.checked(code).items()}
        return bytes(self._run(self._png, inputs)["images_png_bytes"][0])

    def strip(self, code: Any, part: Any, index: Any) -> bytes:
        """Returns the PNG file of a row of pictures in which one dimension goes through its range.

        Args:
            code: part -> its values; the other dimensions keep them.
            part: the part whose dimension is turned.
            index: the dimension's place in it.

        Raises:
            ValueError: it is no code of this generator, or it has no such dimension.
        """
        values = self.checked(code)
        chosen = [d for d in self.dimensions if (d.part, d.index) == (part, index)]
        if not chosen or isinstance(index, bool):
            raise ValueError(
                f"part and index must name a dimension. Received: part={part!r}, index={index!r}."
            )
        steps = np.linspace(chosen[0].low, chosen[0].high, STRIP_COLUMNS)
        images = pictures.traversal_images(self._generator, values, part, index, steps)
        row = grids.image_grid(images, columns=STRIP_COLUMNS, padding=2)
        contents = io.BytesIO()
        Image.fromarray(row).save(contents, format="PNG")
        return contents.getvalue()

    def random_code(self, source: Any) -> Code:
        """Returns a random code.

        Args:
            source: "r", a draw from the prior m(r); "z", the mean of e(r|z) of a draw from p(z);
                or "code", for generators whose noise passes no encoder.

        Raises:
            ValueError: another source.
        """
        if source not in self.description()["random"]:
            raise ValueError(
                f"source must be one of: {', '.join(self.description()['random'])}. "
                f"Received: source={source!r}."
            )
        if source == "r":
            return {part: self._draw(part, size) for part, size in self.sizes.items()}
        seed = int(self._random.integers(2**62))
        drawn = self._run("sample", {"seed": [seed]})
        if source == "code":
            return _first_rows(drawn, self.sizes)
        noise = {part: drawn[part] for part in self._generator.signatures["encode_noise"]["inputs"]}
        encoded = self._run("encode_noise", noise)
        return _first_rows({part: encoded[f"{part}_mean"] for part in self.sizes}, self.sizes)

    def code_of(self, contents: bytes) -> Code:
        """Returns the code of an image file.

        Args:
            contents: of a PNG, JPEG, GIF, BMP or WebP file, of any size in pixels; it is cut to
                the images' shape about its middle.

        Raises:
            ValueError: it is no such file, or the generator can't encode.
        """
        outputs = self._code_outputs()
        if not outputs:
            raise ValueError("The generator must have a signature 'encode' for that.")
        shape = self._generator.signatures["encode"]["inputs"]["images"]["shape"][1:]
        pixels = read_image(contents, tuple(shape))
        encoded = self._run("encode", {"images": pixels[np.newaxis]})
        code = {part: encoded[name] for part, name in outputs.items()}
        return self.checked(_first_rows(code, self.sizes), clip=True)

    def checked(self, code: Any, *, clip: bool = False) -> Code:
        """Returns a code after checking it.

        Args:
            code: what was sent.
            clip: brings values that are out of bounds to the bounds, rather than refuse them.

        Raises:
            ValueError: its parts, lengths or values aren't a code's.
        """
        if not isinstance(code, dict) or set(code) != set(self.sizes):
            raise ValueError(
                f"code must have the parts {', '.join(sorted(self.sizes))}. Received: {_kind(code)}"
            )
        return {part: self._checked_part(part, code[part], clip) for part in self.sizes}

    def _checked_part(self, part: str, values: Any, clip: bool) -> list[float]:
        size = self.sizes[part]
        low, high = self._ranges.get(part, (-LIMIT, LIMIT))
        if not isinstance(values, list) or len(values) != size:
            raise ValueError(f"{part} must be a list of {size} numbers. Received: {_kind(values)}")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{part} must hold numbers. Received: {_kind(value)}")
            if not low <= value <= high and not (clip and math.isfinite(value)):  # NaN, too
                raise ValueError(f"{part} must lie in {low:g}..{high:g}. Received: {_kind(value)}")
        return [min(max(float(value), low), high) for value in values]

    def _run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return pictures.ask(self._generator, signature, inputs)

    def _first_code(self) -> Code:
        """Returns the code that the page begins with and comes back to.

        Zeros, the mean of a normal prior; a sample where there may be parts, such as categories,
        of which zeros are no value.
        """
        if self._has_noise_encoder:
            return {part: [0.0] * size for part, size in self.sizes.items()}
        return _first_rows(self._run("sample", {"seed": [0]}), self.sizes)

    def _dimensions(
        self, turned: Sequence[str], kl: Mapping[str, Sequence[float] | None]
    ) -> list[Dimension]:
        """Returns the dimensions of parts that can be turned, those with the largest KL first."""
        found = []
        for part in turned:
            size = self.sizes[part]
            low, high = self._ranges.get(part, _SHOWN_RANGE)
            values = kl.get(part)
            if values is not None and len(values) != size:
                raise ValueError(
                    f"kl of {part} must have {size} values. Received: {len(values)} values."
                )
            found += [
                Dimension(
                    part=part,
                    index=index,
                    kl=None if values is None else float(values[index]),
                    low=low,
                    high=high,
                )
                for index in range(size)
            ]
        return sorted(found, key=lambda dimension: -(dimension.kl or 0.0))

    def _sampled_ranges(self) -> dict[str, tuple[float, float]]:
        """Returns the ranges of parts whose samples lie within 0..1, as categories, or -1..1."""
        if self._has_noise_encoder:
            return {}
        drawn = self._run("sample", {"seed": list(range(_RANGE_SAMPLES))})
        bounds = {part: (drawn[part].min(), drawn[part].max()) for part in self.sizes}
        return {
            part: (-1.0 if low < 0 else 0.0, 1.0)
            for part, (low, high) in bounds.items()
            if low >= -1 and high <= 1
        }

    def _measured_kl(self) -> dict[str, np.ndarray]:
        """Returns E[KL(e(r_d|z) || N(0, 1))] of each dimension, in nats, from `encode_noise`."""
        if not self._has_noise_encoder:
            return {}
        noise = self._generator.signatures["encode_noise"]["inputs"]
        generator = np.random.default_rng(0)
        sums = {part: np.zeros(size) for part, size in self.sizes.items()}
        for _ in range(_KL_SAMPLES // requests.MAX_BATCH):
            z = {
                part: generator.standard_normal([requests.MAX_BATCH, noise[part]["shape"][1]])
                for part in noise
            }
            encoded = self._run("encode_noise", z)
            for part in self.sizes:
                mean = encoded[f"{part}_mean"].astype(np.float64)
                log_variance = encoded[f"{part}_log_variance"].astype(np.float64)
                divergence = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1.0)
                sums[part] += divergence.sum(axis=0)
        return {part: total / _KL_SAMPLES for part, total in sums.items()}

    def _code_outputs(self) -> dict[str, str]:
        """Returns the outputs of `encode` that are the code's parts; none if it has others."""
        outputs = self._generator.signatures.get("encode", {"outputs": {}})["outputs"]
        names = {
            part: name for part in self.sizes for name in (part, f"{part}_mean") if name in outputs
        }
        return names if set(names) == set(self.sizes) else {}

    def _draw(self, part: str, size: int) -> list[float]:
        """Returns a draw from a part's prior: standard normal, or uniform over its range."""
        if part in self._ranges:
            return self._random.uniform(*self._ranges[part], size).tolist()
        return np.clip(self._random.standard_normal(size), -LIMIT, LIMIT).tolist()


def read_image(contents: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns an image file's pixels in a shape, cut about the middle and scaled.

    It is turned by its EXIF data and put on white as the pictures of a data set are; a data set's
    crop isn't applied.

    Args:
        contents: of a PNG, JPEG, GIF, BMP or WebP file.
        shape: [height, width, 1 or 3].

    Returns:
        pixels: float32 of this shape, in [-1, 1].

    Raises:
        ValueError: it is no such file, half of one, or too large.
    """
    height, width, channels = shape
    try:
        with Image.open(io.BytesIO(contents), formats=_FORMATS) as image:
            size = image.size
            if max(size) <= _LARGEST_SIDE:  # before it is unpacked
                upright = image_files.upright(image)
                whole = image_files.flattened(upright, "L" if channels == 1 else "RGB")
    except (*image_files.DAMAGE, Image.DecompressionBombError) as error:
        raise ValueError(
            f"The file must be an image: {', '.join(_FORMATS)}. Received: {error}"
        ) from error
    if max(size) > _LARGEST_SIDE:
        raise ValueError(
            f"An image must have at most {_LARGEST_SIDE} pixels a side. "
            f"Received: {size[0]} x {size[1]}."
        )
    scale = min(whole.width / width, whole.height / height)
    left = (whole.width - scale * width) / 2
    top = (whole.height - scale * height) / 2
    box = (left, top, left + scale * width, top + scale * height)
    pixels = np.asarray(whole.resize((width, height), Image.Resampling.BOX, box=box), np.float32)
    return (pixels / 127.5 - 1.0).reshape(shape)


def _first_rows(values: Mapping[str, np.ndarray], parts: Mapping[str, int]) -> Code:
    return {part: [float(value) for value in values[part][0]] for part in parts}


def _kind(value: Any) -> str:
    """Returns what a value is, shortly: it may be anything, of any length."""
    if isinstance(value, dict):
        return f"an object with {sorted(map(str, value))[:5]}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return repr(value)[:40]
