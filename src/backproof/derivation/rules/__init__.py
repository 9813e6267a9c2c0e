"""The rule of every layer and loss: its differential, step by step, in matrix differential calculus."""
