"""IB-GAN in PyTorch, what ours is compared with: its networks, and a training step."""
