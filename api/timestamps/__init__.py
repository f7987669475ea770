"""Time stamps of checkpoints (RFC 3161): asking authorities, keeping what they answer, renewing it (RFC 4998)."""
