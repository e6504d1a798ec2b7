"""The guard of a stack: shows what a plan would do, has it approved, and runs nothing else."""
