"""Words and pictures about a table or a fit. Knows no application."""
