"""Who attacks a ledger, what each holds, which evidence finds it, and which does not: one module an attack.

The levels of evidence, weakest first, are those of `world.py`. Every test states the findings of all of them, so that
what is claimed of one is never owed to another. Both verifiers judge (tests/verifying/both.py).
"""
