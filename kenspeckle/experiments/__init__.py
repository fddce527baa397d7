"""The experiments of the seed documents: each runs one and returns an `Outcome`."""
