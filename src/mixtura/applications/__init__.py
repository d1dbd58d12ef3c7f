"""Finished tools that stand on mixtures. Nothing below knows them."""
