"""Training: devices, the loop that drives every strategy, and what it does at its intervals."""
