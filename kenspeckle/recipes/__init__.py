"""Recipes: functions that return a complete configuration; each says what to expect of it."""
