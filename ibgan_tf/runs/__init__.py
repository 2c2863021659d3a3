"""Run directories: what a run was asked for, what it wrote, and how it is opened again."""
