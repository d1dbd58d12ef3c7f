"""Customers in segments: from a table to who is alike, how surely, and what marks each group."""
