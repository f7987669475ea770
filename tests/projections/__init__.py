"""Claims about the read side."""
