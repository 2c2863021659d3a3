"""The models by name: `--model=NAME`. One file per method; each has a config dataclass, presets and a train_step."""

from ibgan_tf.models.ibgan import IBGAN

MODELS = {"ibgan": IBGAN}
