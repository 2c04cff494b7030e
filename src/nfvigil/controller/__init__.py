"""ACT: brings the clouds' own state in line with the truth, and does what was asked for."""
