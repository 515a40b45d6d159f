"""Training: batches, inputs, the loop, its tasks, and the execution of one run."""
