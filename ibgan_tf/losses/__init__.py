"""Pure loss functions: tensors in, one value per example out."""
