"""The models by name, `--model=NAME`: one file each, with its config, presets and train_step."""

from ibgan_tf.models.ibgan import IBGAN

MODELS = {"ibgan": IBGAN}
