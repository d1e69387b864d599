"""YAML as plain values: text, numbers, lists, groups; bounded in size, depth and what aliases stand for."""

from typing import Any, ClassVar, Final

import yaml

from synth.errors import UserError
from synth.strict_json import DEEPEST
from synth.terminal import shown

#: Characters of a text, and values in it with each alias counted as all that it stands for: far more than
#: any config or card has, and read in less than a second.
MOST_TEXT: Final = 1 << 16
MOST_VALUES: Final = 10_000
#: Bits of a whole number; one of more is no float.
MOST_BITS: Final = 1023

_PREFIX = "tag:yaml.org,2002:"
_SCALARS = ("str", "int", "float", "bool", "null")
_KINDS = tuple(f"{_PREFIX}{kind}" for kind in (*_SCALARS, "seq", "map"))
#: What is written like them stays text: a date says nothing that a config could mean.
_TEXTS = frozenset(f"{_PREFIX}{kind}" for kind in ("timestamp", "value"))


def parse_yaml(text: str) -> Any:
    """The value that ``text`` spells: None, bool, int, float, str, and lists and dicts of these.

    Raises UserError in a few words, with the line where there is one, for what is no YAML, has a tag of
    another kind, or goes beyond MOST_TEXT, MOST_VALUES, MOST_BITS or DEEPEST levels.
    """
    if len(text) > MOST_TEXT:
        raise UserError(f"{len(text)} characters, expected at most {MOST_TEXT}")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError(f"{_line(mark)}: not valid YAML" if mark else "not valid YAML") from None


def check_number(value: int) -> None:
    """Raises UserError for a whole number that is too large for a float."""
    if value.bit_length() > MOST_BITS:
        raise UserError(f"a number of {value.bit_length()} bits, expected at most {MOST_BITS}")


class _Loader(yaml.SafeLoader):
    """Counts while nodes are composed, before anything is made of them."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        kind: yaml.SafeLoader.yaml_constructors[kind] for kind in (*_KINDS, None)
    }
    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012
        sign: [(kind, pattern) for kind, pattern in kinds if kind not in _TEXTS]
        for sign, kinds in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[list[int]] = [[0, 0]]  # of each node that is not closed: values, levels in it
        self._closed: dict[yaml.Node, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark, alias = self.peek_event().start_mark, self.check_event(yaml.AliasEvent)
        self._check(mark, 0, 1)
        self._open.append([1, 1])
        node = super().compose_node(parent, index)
        values, levels = self._open.pop()
        if node is None:
            return node
        if alias:
            if node not in self._closed:
                raise UserError(f"{_line(mark)}: an alias that contains itself, expected a value")
            values, levels = self._closed[node]
        self._closed[node] = (values, levels)
        self._check(mark, values, levels)
        around = self._open[-1]
        around[0] += values
        around[1] = max(around[1], levels + 1)
        return node

    def _check(self, mark: yaml.Mark, values: int, levels: int) -> None:
        """Whether so much more fits where the loader is."""
        if len(self._open) - 1 + levels > DEEPEST:
            raise UserError(f"{_line(mark)}: nested deeper than {DEEPEST} levels")
        if sum(count for count, _ in self._open) + values > MOST_VALUES:
            raise UserError(f"{_line(mark)}: more than {MOST_VALUES} values, aliases spelled out")


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """What PyYAML makes of a number or a word, its errors told."""
    kind = node.tag.removeprefix(_PREFIX)
    try:
        value = yaml.SafeLoader.yaml_constructors[node.tag](loader, node)
        if isinstance(value, int):
            check_number(value)
        return value
    except UserError as error:
        raise UserError(f"{_line(node.start_mark)}: {error}") from None
    except (ValueError, LookupError, OverflowError):
        wanted = kind if len(node.value) <= MOST_BITS else f"{kind} of fewer digits than {len(node.value)}"
        raise UserError(f"{_line(node.start_mark)}: {shown(node.value)!r}, expected {wanted}") from None


for _kind in _SCALARS:
    _Loader.add_constructor(f"{_PREFIX}{_kind}", _scalar)


def _line(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}"
