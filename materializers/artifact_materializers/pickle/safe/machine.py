"""The second pass over a pickle: a stack machine that builds values and calls only makers.

Containers follow the order in which a pickler writes them: they are open while
they are filled, and closed for good when something else takes them. So no value
contains itself, and nothing changes after it was weighed.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from artifact_materializers.pickle.safe.makers import (
    NO_VALUE,
    Arguments,
    Draft,
    Inner,
    Maker,
    need,
    refuse,
)
from artifact_materializers.pickle.safe.tokens import OPCODES, tokens
from artifact_materializers.pickle.safe.weights import Weights

_LISTS = (list, deque)
_MAPPINGS = (dict, OrderedDict, defaultdict)
# A dtype of pandas keeps the class of its indexes, once it has made one.
_CACHED_CLASS = "index_class"
# What is one leaf whatever it was made from.
_ATOMS = frozenset(
    {complex, range, slice, date, datetime, time, timedelta, timezone, Decimal, Fraction, UUID}
)


class Machine:
    """Runs one stream.

    Args:
        names: What stands for each name of the list.
        buffers: The buffers beside the stream, in order.
        size_bytes: Of the stream.
    """

    def __init__(
        self,
        names: Callable[[str, str], Any],
        buffers: Sequence[memoryview],
        *,
        size_bytes: int,
    ) -> None:
        self._names = names
        self._buffers = iter(buffers)
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: list[Any] = []
        self._open: dict[int, Any] = {}
        self._states: dict[int, Any] = {}
        self._stateless: dict[int, Any] = {}
        self._caches: dict[int, Any] = {}  # dicts with a class, which only those may be given
        self._weights = Weights(size_bytes + sum(buffer.nbytes for buffer in buffers))

    def run(self, stream: memoryview) -> Any:
        """Return the value of a stream that `look` let through.

        Raises:
            UnsafeFormatError: It is no plain value after all.
        """
        operations: Mapping[str, Callable[[Any], None]] = {
            name: getattr(self, f"_{name.lower()}", self._push)
            for name in OPCODES
            if name not in ("STOP", "FRAME", "PROTO")
        }
        for name, argument in tokens(stream):
            if name == "STOP":
                break
            operation = operations.get(name)
            if operation is not None:
                operation(argument)
        need(len(self._stack) == 1 and not self._marked, "values left over at its end")
        return self._value(self._take())

    # -- the stack ---------------------------------------------------------

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _take(self) -> Any:
        """Pop a value, which is complete by that."""
        if not self._stack:
            refuse("an empty stack")
        return self._closed(self._stack.pop())

    def _closed(self, value: Any) -> Any:
        if self._open.pop(id(value), None) is not None:
            self._weigh(value)
        return value

    def _take_marked(self) -> list[Any]:
        if not self._marked:
            refuse("a mark that was never set")
        items, self._stack = self._stack, self._marked.pop()
        for item in items:
            self._closed(item)
        return items

    def _weigh(self, value: Any) -> None:
        if isinstance(value, dict):
            self._weights.close(value, [*value.keys(), *value.values()])
        else:
            self._weights.close(value, value)

    def _is_value(self, value: Any) -> bool:
        is_piece = id(value) in self._states or id(value) in self._caches
        return not isinstance(value, NO_VALUE) and not is_piece

    def _value(self, value: Any) -> Any:
        if not self._is_value(value):
            refuse(f"a {_title(value)} as a value")
        return value

    def _no_cache(self, value: Any) -> None:
        need(id(value) not in self._caches, "a class as a value")

    def _target(self, kinds: tuple[type, ...]) -> Any:
        if not self._stack or id(self._stack[-1]) not in self._open:
            refuse("something added to what is complete")
        target = self._stack[-1]
        need(type(target) in kinds, f"something added to a {type(target).__name__}")
        return target

    def _opened(self, container: Any) -> None:
        self._open[id(container)] = container
        self._stack.append(container)

    # -- marks and memo ----------------------------------------------------

    def _mark(self, _: Any) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _pop(self, _: Any) -> None:
        self._take()

    def _pop_mark(self, _: Any) -> None:
        self._take_marked()

    def _memoize(self, _: Any) -> None:
        if not self._stack:
            refuse("an empty stack")
        value = self._stack[-1]
        if type(value) is Draft:
            value.slot = len(self._memo)
        self._memo.append(value)

    def _binget(self, slot: int) -> None:
        if slot >= len(self._memo):
            refuse("a memo slot that was never filled")
        # What is fetched is complete: adding to it later is refused, so that
        # nothing comes to contain itself.
        self._stack.append(self._closed(self._memo[slot]))

    _long_binget = _binget

    # -- literals and containers -------------------------------------------

    def _none(self, _: Any) -> None:
        self._stack.append(None)

    def _newtrue(self, _: Any) -> None:
        self._stack.append(True)

    def _newfalse(self, _: Any) -> None:
        self._stack.append(False)

    def _empty_list(self, _: Any) -> None:
        self._opened([])

    def _empty_dict(self, _: Any) -> None:
        self._opened({})

    def _empty_set(self, _: Any) -> None:
        self._opened(set())

    def _append(self, _: Any) -> None:
        item = self._take()
        target = self._target(_LISTS)
        target.append(self._held(target, item))

    def _appends(self, _: Any) -> None:
        items = self._take_marked()
        target = self._target(_LISTS)
        target.extend([self._held(target, item) for item in items])

    def _setitem(self, _: Any) -> None:
        value = self._take()
        self._set_pairs([self._take(), value])

    def _setitems(self, _: Any) -> None:
        self._set_pairs(self._take_marked())

    def _set_pairs(self, items: list[Any]) -> None:
        need(len(items) % 2 == 0, "a key without a value")
        target = self._target(_MAPPINGS)
        for place in range(0, len(items), 2):
            key, item = self._key(items[place]), items[place + 1]
            if id(item) in self._caches or (key == _CACHED_CLASS and isinstance(item, Maker)):
                self._caches[id(target)] = target
                target[key] = item
            else:
                target[key] = self._held(target, item)

    def _additems(self, _: Any) -> None:
        items = [self._key(item) for item in self._take_marked()]
        self._target((set,)).update(items)

    def _frozenset(self, _: Any) -> None:
        self._made(frozenset([self._key(item) for item in self._take_marked()]))

    def _held(self, container: Any, item: Any) -> Any:
        if type(item) is Inner:  # the state of a frame holds its manager
            self._states[id(container)] = container
            return item
        return self._value(item)

    def _key(self, key: Any) -> Any:
        self._weights.check_key(key)
        return self._value(key)

    def _tuple(self, _: Any) -> None:
        self._make_tuple(self._take_marked())

    def _empty_tuple(self, _: Any) -> None:
        self._stack.append(())

    def _tuple1(self, _: Any) -> None:
        self._make_tuple([self._take()])

    def _tuple2(self, _: Any) -> None:
        second = self._take()
        self._make_tuple([self._take(), second])

    def _tuple3(self, _: Any) -> None:
        third, second = self._take(), self._take()
        self._make_tuple([self._take(), second, third])

    def _make_tuple(self, items: list[Any]) -> None:
        for item in items:
            self._no_cache(item)
        self._made(tuple(items) if all(map(self._is_value, items)) else Arguments(items))

    def _made(self, value: Any) -> None:
        """Push what is complete from the start."""
        self._weigh(value)
        self._stack.append(value)

    # -- names and what they make ------------------------------------------

    def _stack_global(self, _: Any) -> None:
        name, module = self._take(), self._take()
        need(type(name) is str and type(module) is str, "a name that is no text")
        self._stack.append(self._names(module, name))

    def _reduce(self, _: Any) -> None:
        arguments, maker = self._take(), self._take()
        if not isinstance(maker, Maker) or maker.call is None:
            refuse(f"a call of {_title(maker)}")
        self._push_made(maker, maker.call, arguments)

    def _newobj(self, _: Any) -> None:
        arguments, maker = self._take(), self._take()
        if not isinstance(maker, Maker) or maker.new is None:
            refuse(f"an object of {_title(maker)}")
        self._push_made(maker, maker.new, arguments)
        if maker.is_stateless:
            self._stateless[id(self._stack[-1])] = self._stack[-1]

    def _push_made(self, maker: Maker, make: Callable[..., Any], arguments: Any) -> None:
        if not isinstance(arguments, tuple):
            refuse(f"arguments of {maker.name} that are no tuple")
        made = make(*arguments)
        if type(made) in (OrderedDict, defaultdict, deque):
            self._opened(made)
            return
        self._made_from(made, arguments)

    def _build(self, _: Any) -> None:
        state = self._take()
        draft = self._take()
        if id(draft) in self._stateless:
            self._stack.append(draft)
            return
        self._no_cache(state)
        if type(draft) is not Draft:
            refuse(f"a state for a {_title(draft)}")
        made = draft.finish(state)
        if draft.slot is not None:  # whoever fetches it from now on gets the value
            self._memo[draft.slot] = made
        self._made_from(made, (state,))

    def _made_from(self, made: Any, parts: Sequence[Any]) -> None:
        # Arrays of objects and frames weigh what they were made from.
        more = made.leaves if type(made) is Inner else 0
        target = None if type(made) in _ATOMS or isinstance(made, (Draft, Maker)) else made
        self._weights.charge(self._weights.close(target, parts, more=more))
        self._stack.append(made)

    # -- buffers -----------------------------------------------------------

    def _next_buffer(self, _: Any) -> None:
        found = next(self._buffers, None)
        if found is None:
            refuse("more buffers than there are beside it")
        self._stack.append(found)

    def _readonly_buffer(self, _: Any) -> None:
        need(self._stack and type(self._stack[-1]) is memoryview, "a buffer that is none")
        self._stack.append(self._stack.pop().toreadonly())


def _title(value: object) -> str:
    return value.name if isinstance(value, Maker) else type(value).__name__
