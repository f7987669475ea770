"""Hostile input to everything that reads what strangers hand over. `python -m tests.fuzz --cases 10000 --seed 1`.

Seeds are real artefacts, made by the product (`seeds.py`); cases are mutations of them, by bytes (`mutators.py`) and by
structure (`bundles.py`), each from a seed of its own, so that every machine runs the same ones; targets are the entry
points themselves (`targets.py`), run in processes with a bound on time and memory (`harness.py`). Verdicts are judged
without the product's help: what is said to be good has to be what a seed says, byte for byte.
"""
