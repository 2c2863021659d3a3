"""The papers' own numbers, beside ours.

The protocols differ, and often aren't told. IB-GAN's score is the mean of ten runs of 150,000 steps
or more, by the votes that made the classifier (`ibgan` here). Of which checkpoint isn't told: its
code prints the best score so far, and its Figure 3 takes the median over a run.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from ibgan_tf.reporting import numbers, scores, tables
from ibgan_tf.reporting.blocks import Cell, Table
from ibgan_tf.reporting.grouping import Group
from ibgan_tf.reporting.records import Procedure


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A number of a paper.

    Attributes:
        mean: the number.
        deviation: its spread over runs, or None where the paper has none.
        decimals: that the paper gives.
        source: which paper, and where in it.
        protocol: the one of ours that the paper's is, or is nearest to; None if it isn't told.
        by_protocol_only: whether scores by other protocols are another quantity, and not compared.
    """

    mean: float
    deviation: float | None = None
    decimals: int = 2
    source: str
    protocol: str | None = None
    by_protocol_only: bool = False

    def is_compared(self, protocol: str, *, is_first: bool) -> bool:
        """Says whether scores by a protocol are compared with the number.

        Args:
            protocol: of the scores.
            is_first: whether it is the first that is shown.
        """
        return protocol == self.protocol or (is_first and not self.by_protocol_only)

    def text(self) -> str:
        """Returns the number as the paper has it."""
        text = f"{self.mean:.{self.decimals}f}"
        if self.deviation is None:
            return text
        return f"{text} \N{PLUS-MINUS SIGN} {self.deviation:.{self.decimals}f}"


_TABLE_1 = "IB-GAN, Table 1"  # dSprites, Color-dSprites; IB-GAN of beta 0.141, 0.071
_FACTOR_VAE = {
    "gan": ((0.40, 0.05), (0.35, 0.04)),
    "infogan": ((0.61, 0.03), (0.55, 0.08)),
    "ibgan": ((0.80, 0.07), (0.79, 0.05)),
    "vae": ((0.61, 0.04), (0.59, 0.06)),
    "beta_vae": ((0.69, 0.09), (0.74, 0.06)),
    "factor_vae": ((0.81, 0.07), (0.82, 0.06)),
    "beta_tcvae": ((0.79, 0.06), (0.80, 0.07)),
}
_TABLE_2 = "IB-GAN, Table 2"  # CelebA, 3D Chairs
_FID = {
    "gan": (8.4, 27.9),
    "infogan": (9.3, 25.6),
    "ibgan": (7.4, 25.5),
    "vae": (129.7, 56.2),
    "beta_vae": (131.0, 91.3),
    "factor_vae": (109.7, 44.7),
    "beta_tcvae": (125.0, 57.3),
}
_TUNED = "infogan, tuned"
_INFOGAN_CR = "InfoGAN-CR, table of dSprites"
_MODIFIED = {  # its "InfoGAN (modified)", 50 runs of 288,000 steps
    "beta_vae": (0.87, 0.01),
    "dci": (0.60, 0.02),
    "explicitness": (0.82, None),
    "mig": (0.22, 0.01),
    "modularity": (0.94, 0.01),
    "sap": (0.41, 0.02),
}

# (metric, data set, model) -> number.
PUBLISHED: Mapping[tuple[str, str, str], Published] = {
    **{
        ("factor_vae", dataset, model): Published(
            mean=mean, deviation=deviation, source=_TABLE_1, protocol="ibgan"
        )
        for model, found in _FACTOR_VAE.items()
        for dataset, (mean, deviation) in zip(("dsprites", "color_dsprites"), found, strict=True)
    },
    **{
        ("fid", dataset, model): Published(mean=mean, decimals=1, source=_TABLE_2)
        for model, found in _FID.items()
        for dataset, mean in zip(("celeba", "chairs3d"), found, strict=True)
    },
    ("factor_vae", "dsprites", _TUNED): Published(
        mean=0.82,
        deviation=0.01,
        source='InfoGAN-CR, "InfoGAN (modified)", 50 runs of 288,000 steps',
        protocol="infogan_cr",
    ),
    **{
        (metric, "dsprites", model): Published(
            mean=mean,
            deviation=deviation,
            source=_INFOGAN_CR,
            protocol="infogan_cr",
            by_protocol_only=True,
        )
        for metric, model, (mean, deviation) in (
            ("dci", "ibgan", (0.67, 0.07)),
            ("dci", "infogan", (0.41, 0.05)),
            *((metric, _TUNED, found) for metric, found in _MODIFIED.items()),
        )
    },
    **{
        ("factor_vae", "dsprites", model): Published(mean=mean, source="InfoVAEGAN, Table 2")
        for model, mean in (("infovaegan", 0.81), ("joint_vae", 0.69), ("info_vae", 0.72))
    },
    **{
        ("unsupervised_accuracy", dataset, model): Published(
            mean=mean, decimals=4, source="InfoVAEGAN, Table 1; the paper names no matching"
        )
        for model, found in (("infovaegan", (0.9565, 0.5124)), ("infogan", (0.9335, 0.3980)))
        for dataset, mean in zip(("mnist", "fashion_mnist"), found, strict=True)
    },
    ("unsupervised_accuracy", "mnist", "stacked_corex"): Published(
        mean=0.85, source="AnchorVAE, section 6.1; the paper names no matching"
    ),
}
_DECIMALS = 3  # that our scores are shown with
_CAPTION = (
    "Each model at its own last measured step, and at the other models' last steps where it was "
    "measured there, too. Difference: ours less the paper's, by the first protocol and by the one "
    "that the paper's is nearest to. The papers' numbers of steps are others, and their settings "
    "may be; of which checkpoint IB-GAN's table is, it doesn't say."
)


def published_tables(groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Table]:
    """Returns scores beside the published ones of the same model and data set.

    Args:
        groups: of one data set.
        procedures: how scores were measured.

    Returns:
        tables: one for each metric that a paper has a number of, by all protocols that it was
            measured by; the first of them is compared, and that of the paper.
    """
    found = []
    for metric in dict.fromkeys(procedure.metric for procedure in procedures):
        name = metric.removesuffix("_score")
        compared = [group for group in groups if _of(name, group) is not None]
        own = [procedure for procedure in procedures if procedure.metric == metric]
        shown = tables.measured(compared, own)
        columns = tables.score_columns(compared, shown)
        if not columns:
            continue
        table = tables.grouped_table(
            compared,
            columns,
            f"{scores.title(metric)} beside the papers'. {tables.data_text(groups)}. "
            f"{tables.OVER_SEEDS} {tables.shared_text(shown)} {_CAPTION}",
            beside=_beside(name, columns, shown, compared),
            steps_of_others=True,
        )
        found += [table] if table else []
    return found


def _beside(
    metric: str,
    columns: Sequence[tables.Column],
    procedures: Sequence[Procedure],
    groups: Sequence[Group],
) -> list[tables.Beside]:
    """Returns the columns of the papers' numbers; those of the table are of the procedures."""

    def is_compared(group: Group, place: int) -> bool:
        protocol = procedures[place].protocol
        return _of(metric, group).is_compared(protocol, is_first=place == 0)

    places = [
        place for place in range(len(procedures)) if any(is_compared(one, place) for one in groups)
    ]

    def difference(group: Group, values: Sequence[Sequence[Sequence[float]]], place: int) -> Cell:
        return _difference(_of(metric, group), values[place] if is_compared(group, place) else [])

    return [
        tables.Beside(
            header=Cell("Published"),
            cell=lambda group, values: Cell(_of(metric, group).text()),
            numeric=True,
        ),
        *(
            tables.Beside(
                header=Cell("Difference", columns[place].header.note),
                cell=lambda group, values, place=place: difference(group, values, place),
                numeric=True,
            )
            for place in places
        ),
        tables.Beside(
            header=Cell("Where"), cell=lambda group, values: Cell(_of(metric, group).source)
        ),
    ]


def _difference(published: Published, values: Sequence[Sequence[float]]) -> Cell:
    """Returns ours less the paper's, and how that compares with the paper's spread."""
    if not values:
        return Cell(numbers.NONE)
    difference = scores.spread(values).mean - published.mean
    decimals = min(published.decimals, _DECIMALS)
    rounded = round(difference, decimals) + 0.0  # which turns -0.0 into 0.0
    text = f"{rounded:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")
    if published.deviation is None:
        return Cell(text)
    ratio = abs(difference) / published.deviation
    return Cell(text, "within its spread" if ratio <= 1 else f"{ratio:.1f} times its spread")


def _of(metric: str, group: Group) -> Published | None:
    """Returns the published number of a group; InfoGAN with spectral norm is InfoGAN-CR's."""
    tuned = group.model == "infogan" and group.runs[0].settings.get("spectral_norm")
    return PUBLISHED.get((metric, group.dataset, _TUNED if tuned else group.model))
