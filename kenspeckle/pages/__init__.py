"""Records to pictures and pages; computes nothing."""
