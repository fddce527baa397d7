"""One file for each format or source of labelled pictures."""
