"""What people see of a training while it goes on: in a terminal, in a notebook."""
