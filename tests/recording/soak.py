"""The long battery of books in PostgreSQL: writers at once, and copies that are killed; on a server of its own."""

import argparse

from ledger.recording.postgres.connecting import close_pools
from tests import postgres
from tests.recording import copier, writers


def main() -> None:
    """Run it; ends with a traceback where something does not hold."""
    parser = argparse.ArgumentParser(prog="tests.recording.soak")
    parser.add_argument("--appends", type=int, default=1000, help="of each of the 32 writers")
    parser.add_argument("--kills", type=int, default=100, help="of a copy, each way")
    asked = parser.parse_args()
    with postgres.server() as server, postgres.database(server, "soak") as url:
        copier.soak(url, asked.kills)
        writers.soak(url, appends=asked.appends)
        close_pools()


if __name__ == "__main__":
    main()
