"""Who makes a request: bearer tokens and browsers' sign-ins of one OpenID Connect issuer, and the rights they give."""
