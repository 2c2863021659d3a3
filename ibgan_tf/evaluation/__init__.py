"""Evaluation: a run or anybody's codes in, scores on the disk out. No flags, no training."""
