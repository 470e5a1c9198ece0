"""Latin words inside Japanese lines, for every engine: `read_latin`. Here and not in `backend.language`, because it asks dictionaries
that are large and that only the machine which speaks has to have."""

from backend.synthesizers.latin.reading import read_latin

__all__ = ["read_latin"]
