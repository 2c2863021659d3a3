"""IB-GAN's dSprites step in JAX, for many runs at once on one GPU."""
