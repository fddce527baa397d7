"""Labelled pictures: from any source to batches of uint8 tensors."""
