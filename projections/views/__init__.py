"""The read models, one a file. Each module here has its view as `VIEW`; a new file is a new read model."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from ledger.domain.roles import Sight
from projections.base import Audience, UnknownViewError, View, ViewDeniedError, check_view


def _found() -> dict[str, View]:
    views: dict[str, View] = {}
    for info in sorted(iter_modules(__path__), key=lambda info: info.name):
        view = import_module(f"{__name__}.{info.name}").VIEW
        if not isinstance(view, View):
            raise TypeError(f"{info.name}.VIEW is not a View")
        views[check_view(view).name] = view
    return views


VIEWS: Final = _found()
"""Every view by its name."""


def view_for(name: str, audience: Audience, sight: Sight | None = None, role: str = "") -> View:
    """The view of that name. Raises UnknownViewError, or ViewDeniedError if it is not for who asks."""
    view = VIEWS.get(name)
    if view is None:
        raise UnknownViewError(f"view: {name!r} is not one of {', '.join(VIEWS)}")
    if not view.exists_for(audience):
        raise ViewDeniedError(f"view: {name!r} tells the arm, and is only for roles that may see arms")
    if view.needs_identity and not (sight is not None and sight.names):
        raise ViewDeniedError(f"view: {name!r} names persons, and is only for who may see names (of a site, if named)")
    if not view.open_to(audience, sight, role):
        raise ViewDeniedError(f"view: {name!r} is only for {', '.join(sorted(view.roles or ()))}")
    return view


__all__ = ["VIEWS", "view_for"]
