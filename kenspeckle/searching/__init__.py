"""Searching for settings: spaces, the journal of trials, and what they led to."""
