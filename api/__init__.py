"""The edges: command line, imports, exports, simulation."""
