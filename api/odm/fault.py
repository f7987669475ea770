"""What is wrong with a feed, said so that its supplier can find it: the file, the line, the element, the rule."""

from pathlib import Path


class OdmError(ValueError):
    """A feed that cannot be imported."""

    def __init__(self, path: Path, line: int | None, where: str | None, rule: str) -> None:
        self.line, self.where, self.rule = line, where, rule
        place = [str(path), *([f"line {line}"] if line else []), *([where] if where else [])]
        super().__init__(f"{', '.join(place)}: {rule}")
