"""The API and its edges."""
