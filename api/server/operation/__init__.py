"""Running the server: connections, health, logs, limits, metrics, and what is done in the background."""
