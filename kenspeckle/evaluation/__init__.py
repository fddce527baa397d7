"""Measurements on Predictions: numpy and scipy only."""
