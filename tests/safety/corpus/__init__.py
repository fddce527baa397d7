"""Hostile files, made by code: what each one tries, and what it is tried at."""
