"""Equal networks that learn side by side: one computation for all of them in each step."""
