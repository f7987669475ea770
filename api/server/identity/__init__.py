"""Who asks: tokens of an issuer, what they are allowed to be here, and the sign-in of browsers."""
