"""Linear algebra, log-space and the kernels: arithmetic on plain arrays, knowing no statistics."""
