"""Places in a document: as tuples of keys and positions, as people write them, as JSON pointers."""

import json
import re

Path = tuple[str | int, ...]
"""Keys of objects and positions in arrays, the outermost first."""

_PLAIN_KEY = re.compile(r"[^\W\d][\w$-]*|\$\w+")


def written(path: Path) -> str:
    """`traits.address.city`, `properties.products[0].price`, `traits["First Name"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def pointer(path: Path) -> str:
    """The JSON pointer (RFC 6901) of a place; empty for the whole."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
