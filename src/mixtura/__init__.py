"""Gaussian mixtures: soft clustering, density estimation, new data, and tools that stand on them."""

__version__ = "0.1.0"
