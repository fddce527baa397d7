"""What is wrong with a run, before or after training: findings with evidence and advice."""
