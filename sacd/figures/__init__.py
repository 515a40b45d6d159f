"""One function a figure or table: takes DataFrames and the cohort's label, returns a figure, draws nothing else."""
