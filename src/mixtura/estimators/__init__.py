"""Faces in the manner of scikit-learn: the only mutable objects, and the only place of strings."""
