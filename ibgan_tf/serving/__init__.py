"""Exports of trained models, for servers: written, checked, published and asked.

Nothing is imported here: `runtime` must work in a process that never imports TensorFlow.
"""
