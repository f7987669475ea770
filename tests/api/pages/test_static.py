"""The files that pages bring along."""

import re
from pathlib import Path

from api.pages.static import address, files
from tests.api.server.people import client_of


def test_a_file_is_kept_for_good_under_the_hash_of_its_content(ledger: Path) -> None:
    client = client_of(ledger)
    for name, file in files().items():
        answer = client.get(address(name))
        assert answer.content == file.content
        assert "immutable" in answer.headers["cache-control"]
        assert "immutable" not in client.get(f"/static/{name}?v=another").headers["cache-control"]
        again = client.get(address(name), headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_no_other_file_is_given_out(ledger: Path) -> None:
    client = client_of(ledger)
    for name in ("nothing.css", "..%2Frendering.py", "%2e%2e/rendering.py", "../templates/base.html", "style.css/x"):
        assert client.get(f"/static/{name}").status_code == 404


def test_no_file_speaks_of_another_place() -> None:
    for name, file in files().items():
        text = file.content.decode().replace("http://www.w3.org/2000/svg", "")
        said = "\n".join(re.sub(r"(^|\s)//(\s.*)?$", "", line) for line in text.splitlines())
        assert "//" not in said, name
        assert "@import" not in text
