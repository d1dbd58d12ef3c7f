"""How a mixture is fitted: a fold of a kernel into statistics, and one map back."""
