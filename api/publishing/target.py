"""Where relations are published: a folder of SQLite files, or a PostgreSQL database, as the command line names it."""

from pathlib import Path
from typing import Final, Protocol

from api.publishing.publication import Publication, PublishError
from projections.base import Audience

_SQLITE: Final = "sqlite:"
_POSTGRES: Final = ("postgresql://", "postgres://")


class Target(Protocol):
    """A place for the relations of one audience. All raise PublishError, of which TargetUnavailableError may pass."""

    def prepare(self) -> None:
        """Make it ready, and see to who may read it."""

    def stands_at(self, publication: Publication) -> bool:
        """Whether the publication is what is there already."""

    def refresh(self, publication: Publication) -> None:
        """Put the publication there, all of it or nothing: whoever reads meets the old or the new."""

    @property
    def name(self) -> str:
        """What it is called, without any password."""


def target_of(text: str, audience: Audience, *, same_server: bool = False) -> Target:
    """The target that `text` names: `sqlite:FOLDER` or `postgresql://…`. Raises PublishError."""
    if text.startswith(_SQLITE):
        from api.publishing.sqlite import SqliteTarget

        if not text.removeprefix(_SQLITE):
            raise PublishError("TARGET: after sqlite: comes a folder")
        return SqliteTarget(Path(text.removeprefix(_SQLITE)), audience)
    if text.startswith(_POSTGRES):
        try:
            from api.publishing.postgres import PostgresTarget
        except ImportError as error:
            message = f"{error.name} is not installed; it comes with trial-ledger[postgres]"
            raise PublishError(f"TARGET: {message}") from None
        return PostgresTarget(text, audience, same_server=same_server)
    raise PublishError("TARGET: is sqlite:FOLDER or postgresql://USER@HOST/DATABASE")
