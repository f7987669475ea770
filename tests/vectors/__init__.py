"""Golden bytes: what this format writes today, any version of it must write and verify for good."""
