"""The allocation secret as the keys keep it, under the name `allocation`: {"parameters": {…}, "secret": "<hex>"}.

It is durable here before the commitment to it is recorded: a commitment whose secret is lost could never be opened.
"""

from collections.abc import Mapping
from typing import Any, Final

from ledger.keys.folder import KeysError
from ledger.keys.trial_keys import TrialKeys
from ledger.proof.allocation import Parameters
from ledger.proof.canonical import CanonicalError, encode, parse

_NAME: Final = "allocation"


def keep_allocation(keys: TrialKeys, secret: bytes, parameters: Mapping[str, Any]) -> None:
    """Keep the secret and its parameters, once. Raises KeysError where others are kept already."""
    keys.keep_secret(_NAME, encode({"parameters": dict(parameters), "secret": secret.hex()}))


def kept_allocation(keys: TrialKeys) -> tuple[bytes, Parameters] | None:
    """The secret and its parameters; None where none are kept, or they are not for this holder of keys."""
    kept = keys.secret(_NAME)
    if kept is None:
        return None
    try:
        value = parse(kept)
        return bytes.fromhex(value["secret"]), Parameters.from_value(value["parameters"])
    except (CanonicalError, ValueError, KeyError, TypeError):
        raise KeysError("the allocation secret that the keys hold cannot be read") from None
