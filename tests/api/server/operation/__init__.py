"""Running the server: settings, health, limits, logs, metrics, and the process itself."""
