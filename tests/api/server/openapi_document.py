"""`docs/openapi.json`: the document that the server gives at `/v1/openapi.json`, made from the code.

python -m tests.api.server.openapi_document            compare, end with 1 where it is behind
python -m tests.api.server.openapi_document --write    bring it up to date
"""

import json
import sys
from pathlib import Path

from api.server.app import create_app
from api.server.trials import Trials
from tests.api.server.people import People

PATH = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"


def document() -> str:
    """The document as it is now."""
    value = create_app(Trials({}), People([])).openapi()
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Compare, or write."""
    if "--write" in sys.argv:
        PATH.write_text(document(), "utf-8")
    if PATH.exists() and PATH.read_text("utf-8") == document():
        return 0
    print("docs/openapi.json is behind the code: run python -m tests.api.server.openapi_document --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
