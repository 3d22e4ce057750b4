"""The wire: one HTTP seam, retry decisions as values, tokens, redaction, exact JSON."""
