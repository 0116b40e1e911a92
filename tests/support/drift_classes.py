"""Projects whose classes, formats, packages or plugins changed after they wrote an artifact."""

from __future__ import annotations

import textwrap

from drift_trees import MATERIALIZER, ORDERS, Drift, files, moved, old, row


@row
def helper_changed() -> Drift:
    """A function two imports away computes something else."""
    new = {"shop/helpers.py": "def price(count):\n    return -count\n"}
    return Drift(old(), old(new), ["tea", 20], ["tea", -2])


@row
def helper_removed() -> Drift:
    """A function that the old code imports is gone."""
    return Drift(old(), old({"shop/helpers.py": ""}), ["tea", 20])


@row
def class_renamed() -> Drift:
    """The class of the value has another name."""
    new = {
        "shop/orders.py": ORDERS.replace("Order", "Purchase"),
        "shop/materializer.py": MATERIALIZER.replace("Order", "Purchase"),
    }
    return Drift(old(), old(new), ["tea", 20], ["tea", 20])


@row
def module_moved() -> Drift:
    """The module of the materializer lies elsewhere."""
    new: dict[str, str | None] = {
        "shop/materializer.py": None,
        "shop/storage/__init__.py": "",
        "shop/storage/files.py": MATERIALIZER,
    }
    return Drift(old(), old(new), ["tea", 20], ["tea", 20])


@row
def data_type_moved() -> Drift:
    """The module of the data type lies elsewhere."""
    new: dict[str, str | None] = {
        "shop/orders.py": None,
        "shop/models.py": ORDERS.replace('"tea"', '"coffee"'),
        "shop/materializer.py": MATERIALIZER.replace("shop.orders", "shop.models"),
    }
    return Drift(old(), old(new), ["tea", 20], ["coffee", 20], new_sample="shop.models:sample")


@row
def package_renamed() -> Drift:
    """The whole package has another name."""
    new = moved(old(), "shop", "store")
    return Drift(old(), new, ["tea", 20], ["tea", 20], new_sample="store.orders:sample")


@row
def plugin_uninstalled() -> Drift:
    """Nothing of the package is left."""
    return Drift(old(), {}, ["tea", 20])


@row
def same_version_other_code() -> Drift:
    """The code changed, the version number did not."""
    version = {"shop/__init__.py": '__version__ = "1.0"\n'}
    new = {**version, "shop/helpers.py": "def price(count):\n    return count * 11\n"}
    return Drift(old(version), old(new), ["tea", 20], ["tea", 22])


@row
def format_changed_without_reader() -> Drift:
    """The new materializer writes another format and does not read the old one."""
    changed = MATERIALIZER.replace("order/1", "order/2").replace("order.json", "order2.json")
    return Drift(old(), old({"shop/materializer.py": changed}), ["tea", 20], ["tea", 20])


@row
def format_changed_with_reader() -> Drift:
    """The new materializer writes another format and reads the old one."""
    changed = MATERIALIZER.replace(
        'format = "order/1"', 'format = "order/2"\n        reads = ("order/1",)'
    )
    return Drift(old(), old({"shop/materializer.py": changed}), ["tea", 20], ["tea", 20])


@row
def new_dependency() -> Drift:
    """The new code needs a library that is not installed."""
    new = {"shop/helpers.py": "import no_such_library\nprice = no_such_library.price\n"}
    return Drift(old(), old(new), ["tea", 20])


@row
def field_gained() -> Drift:
    """The data type has one more field, without a default."""
    gained = ORDERS.replace("count: int", "count: int\n        shipped: bool").replace(
        'Order("tea", 2)', 'Order("tea", 2, True)'
    )
    return Drift(old(), old({"shop/orders.py": gained}), ["tea", 20], ["tea", 20])


@row
def field_lost() -> Drift:
    """The data type has one field less."""
    lost = ORDERS.replace("        count: int\n", "").replace("self.count", "1")
    lost = lost.replace('Order("tea", 2)', 'Order("tea")')
    return Drift(old(), old({"shop/orders.py": lost}), ["tea", 20], ["tea", 10])


@row
def dataclass_order_changed() -> Drift:
    """The fields of a dataclass that is stored by position changed places."""
    by_position = MATERIALIZER.replace("vars(value)", "list(vars(value).values())").replace(
        "data_type(**", "data_type(*"
    )
    swapped = ORDERS.replace(
        "        item: str\n        count: int\n", "        count: int\n        item: str\n"
    ).replace('Order("tea", 2)', 'Order(3, "tea")')
    before = old({"shop/materializer.py": by_position})
    return Drift(before, files(before, {"shop/orders.py": swapped}), ["tea", 20], ["tea", 30])


@row
def enum_member_renamed() -> Drift:
    """A member of an Enum that is stored by name has another name."""
    orders = """
        from enum import Enum

        class Order(Enum):
            OPEN = "open"
            CLOSED = "closed"

            def facts(self):
                return [self.name, self.value]

        def sample():
            return Order.OPEN
    """
    by_name = (
        MATERIALIZER.replace("vars(value)", "value.name")
        .replace("data_type(**", "data_type[")
        .replace("read_text())", "read_text()]")
    ).replace("read_text()])", "read_text())]")
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_name})
    after = {"shop/orders.py": textwrap.dedent(orders).replace("OPEN", "PENDING")}
    return Drift(before, files(before, after), ["OPEN", "open"], ["PENDING", "open"])


@row
def pydantic_model_changed() -> Drift:
    """A pydantic model with forward references forbids what it had."""
    orders = """
        from __future__ import annotations
        from pydantic import BaseModel, ConfigDict

        class Order(BaseModel):
            model_config = ConfigDict(extra="forbid")
            item: str
            lines: list[Line]
            next: Order | None = None

            def facts(self):
                return [self.item, [line.total() for line in self.lines], self.next is not None]

        class Line(BaseModel):
            count: int

            def total(self):
                return self.count * 10

        Order.model_rebuild()

        def sample():
            return Order(item="tea", lines=[Line(count=2)], next=Order(item="cup", lines=[]))
    """
    by_model = (
        MATERIALIZER.replace("json.dumps(vars(value))", "value.model_dump_json()")
        .replace("data_type(**json.loads((directory", "data_type.model_validate_json((directory")
        .replace("read_text()))", "read_text())")
    )
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_model})
    after = textwrap.dedent(orders).replace("lines: list[Line]", "rows: list[Line]")
    after = after.replace("self.lines", "self.rows").replace("lines=", "rows=")
    return Drift(
        before,
        files(before, {"shop/orders.py": after.replace("* 10", "* 9")}),
        ["tea", [20], True],
        ["tea", [18], True],
    )


@row
def attrs_class_changed() -> Drift:
    """An attrs class converts differently."""
    orders = """
        import attrs

        @attrs.define
        class Order:
            item: str = attrs.field(converter=str.upper)
            count: int = 2

            def facts(self):
                return [self.item, self.count]

        def sample():
            return Order("tea")
    """
    by_attrs = MATERIALIZER.replace("vars(value)", "attrs.asdict(value)").replace(
        "import json", "import json, attrs"
    )
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_attrs})
    after = {"shop/orders.py": textwrap.dedent(orders).replace("upper", "title")}
    return Drift(before, files(before, after), ["TEA", 2], ["Tea", 2])


@row
def named_tuple_changed() -> Drift:
    """A NamedTuple has its fields in another order."""
    orders = """
        from typing import NamedTuple

        class Order(NamedTuple):
            item: str
            count: int

            def facts(self):
                return [self.item, self.count]

        def sample():
            return Order("tea", 2)
    """
    by_position = MATERIALIZER.replace("vars(value)", "value").replace(
        "data_type(**", "data_type(*"
    )
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_position})
    after = textwrap.dedent(orders).replace(
        "    item: str\n    count: int", "    count: int\n    item: str"
    )
    after = after.replace('"tea", 2', '2, "tea"')
    return Drift(before, files(before, {"shop/orders.py": after}), ["tea", 2], ["tea", 2])


@row
def plugin_and_data_type_changed() -> Drift:
    """Plugin and data type are two packages that import each other, and both changed."""
    plugin = {
        "shop_files/__init__.py": "from shop_files.materializer import OrderMaterializer\n",
        "shop_files/materializer.py": MATERIALIZER.replace("json.dumps(", "write(").replace(
            "import json", "import json\n    from shop_files.text import write"
        ),
        "shop_files/text.py": "import json\ndef write(found):\n    return json.dumps(found)\n",
    }
    orders = ORDERS.replace("def facts", "def facts_")
    before = old(
        {
            **plugin,
            "shop/materializer.py": None,
            "shop/orders.py": orders.replace(
                "def facts_(self):",
                "def facts(self):\n            import shop_files.text as text\n"
                "            assert text.write([1]) == '[1]'",
            ),
        }
    )
    after = files(
        before,
        {
            "shop_files/text.py": "def write(found):\n    return repr(found)\n",
            "shop/helpers.py": "def price(count):\n    return 0\n",
            "shop/orders.py": ORDERS.replace(
                "count: int", "count: int\n        paid: bool = False"
            ),
        },
    )
    return Drift(
        before,
        after,
        ["tea", 20],
        ["tea", 0],
        writer="shop_files.materializer:OrderMaterializer",
        roots=("shop_files",),
        project=("shop",),
    )
