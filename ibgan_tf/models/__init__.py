"""The models by name, `--model=NAME`: one file each, with its config, presets and train_step."""

import tensorflow as tf

from ibgan_tf.models.ali import ALI
from ibgan_tf.models.anchor_vae import AnchorVAE
from ibgan_tf.models.beta_tcvae import BetaTCVAE
from ibgan_tf.models.beta_vae import BetaVAE
from ibgan_tf.models.factor_vae import FactorVAE
from ibgan_tf.models.gan import GAN
from ibgan_tf.models.ibgan import IBGAN
from ibgan_tf.models.info_vae import InfoVAE
from ibgan_tf.models.info_wgan import InfoWGAN
from ibgan_tf.models.infogan import InfoGAN
from ibgan_tf.models.infovaegan import InfoVAEGAN
from ibgan_tf.models.joint_vae import JointVAE
from ibgan_tf.models.mine_gan import MineGAN
from ibgan_tf.models.stacked_corex import StackedCorEx
from ibgan_tf.models.vae import VAE

MODELS = {
    "ibgan": IBGAN,
    "gan": GAN,
    "infogan": InfoGAN,
    "info_wgan": InfoWGAN,
    "mine_gan": MineGAN,
    "ali": ALI,
    "infovaegan": InfoVAEGAN,
    "vae": VAE,
    "beta_vae": BetaVAE,
    "factor_vae": FactorVAE,
    "beta_tcvae": BetaTCVAE,
    "anchor_vae": AnchorVAE,
    "info_vae": InfoVAE,
    "joint_vae": JointVAE,
    "stacked_corex": StackedCorEx,
}

for _model in MODELS.values():  # so that tf.keras.models.load_model finds them
    tf.keras.utils.register_keras_serializable("ibgan_tf")(_model)
