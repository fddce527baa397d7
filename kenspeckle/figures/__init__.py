"""Drawings of records as matplotlib figures. Nothing here computes a result or imports torch."""
