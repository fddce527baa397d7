"""A trained model as one file of another format, which proves that it answers alike."""
