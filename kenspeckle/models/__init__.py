"""Networks: one architecture family in each file."""
