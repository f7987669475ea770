"""The definition of the blind: the same story with the arms swapped leaves the same open book."""
