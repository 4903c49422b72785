"""Settlement: the process that finishes charges and refunds which their requests could not (CORRECTNESS 9)."""
