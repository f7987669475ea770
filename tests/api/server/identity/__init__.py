"""Who asks: tokens, keys, rights, and the sign-in of browsers."""
