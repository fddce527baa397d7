"""Answers over HTTP: a server process that never loads torch, and processes that compute."""
