"""What a fitted model says of the data: orbit variance, evidence, tests, claims."""
