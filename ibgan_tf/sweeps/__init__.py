"""Sweeps: many runs from one small file, each a process of scripts/train.py, with a journal."""
