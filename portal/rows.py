"""Rows in SQL, for what every message reads and writes.

Django takes one to four milliseconds of CPU to put such a statement together, the database a fiftieth of that to do it; and while a transaction
writes on SQLite, everybody else who writes waits. Everything else stays with querysets, which say the same in fewer words. As with those,
values go through the model's fields, in both directions.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import (
    AutoField,
    BigIntegerField,
    CharField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    TextField,
)

M = TypeVar("M", bound=Model)

_PLAIN: dict[type[Field], type] = {
    each: plain
    for plain, kinds in {
        str: (CharField, TextField),
        int: (IntegerField, BigIntegerField, PositiveIntegerField, PositiveSmallIntegerField, PositiveBigIntegerField),
    }.items()
    for each in kinds
}

MOST_VALUES = 30_000  # of one statement: SQLite takes 32,766

# Reading


def rows(model: type[M], sql: str, *values: object) -> list[M]:
    """The rows that a SELECT finds, as objects of `model`; other columns are attributes. A list stands for `%s` in "IN %s"."""
    parts, bound = sql.split("%s"), []
    text = parts[0]
    for value, following in zip(values, parts[1:], strict=True):
        if isinstance(value, list):
            if not value:
                return []
            text += f"({', '.join(['%s'] * len(value))}){following}"
            bound += value
        else:
            text += f"%s{following}"
            bound.append(connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value)
    with connection.cursor() as cursor:
        cursor.execute(text, bound)
        found = cursor.fetchall()
        read = _reader(model, tuple(column[0] for column in cursor.description), connection.vendor) if found else None
    return [read(row) for row in found] if read else []


def by_id(model: type[M], id: object, *, locked: bool = False) -> M | None:
    """The row of this id, if there is one; `locked` until the transaction ends, where the database locks rows."""
    lock = " FOR UPDATE" if locked and connection.features.has_select_for_update else ""
    found = rows(model, f"SELECT * FROM {model._meta.db_table} WHERE {model._meta.pk.column} = %s{lock}", id)  # noqa: S608 - names of the model
    return found[0] if found else None


def exists(model: type[Model], **where: object) -> bool:
    """Whether there is a row with these values."""
    conditions, bound = _conditions(model, where)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {model._meta.db_table} WHERE {conditions} LIMIT 1", bound)  # noqa: S608 - names of the model
        return cursor.fetchone() is not None


@lru_cache(maxsize=256)
def _reader(model: type[M], columns: tuple[str, ...], vendor: str) -> Callable[[tuple], M]:
    """Makes an object of a row with these columns. What is not among them the object asks for when it is wanted."""
    places = {column: place for place, column in enumerate(columns)}
    fields = [each for each in model._meta.concrete_fields if each.column in places]
    names = [each.attname for each in fields]
    reads = [(places[each.column], _converters(each)) for each in fields]
    others = [(name, place) for name, place in places.items() if name not in {each.column for each in fields}]

    def read(row: tuple) -> M:
        values = []
        for place, converters in reads:
            value = row[place]
            for converter, expression in converters:
                value = converter(value, expression, connection)
            values.append(value)
        found = model.from_db(connection.alias, names, values)
        for name, place in others:
            setattr(found, name, row[place])
        return found

    return read


def _converters(field: Field) -> list[tuple[Callable[..., object], object]]:
    expression = field.get_col(field.model._meta.db_table)
    return [
        (each, expression)
        for each in (*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection))
    ]


# Writing


def insert(objects: Sequence[Model], *, unless_there: bool = False, replacing: Sequence[str] = ()) -> None:
    """New rows. `unless_there`: those that some unique column knows already stay as they are. `replacing`: of those
    whose id is known already, these columns are replaced.
    """
    if not objects:
        return
    model = type(objects[0])
    fields = [each for each in model._meta.concrete_fields if not isinstance(each, AutoField)]
    at_once = MOST_VALUES // len(fields)
    columns, places = ", ".join(f'"{each.column}"' for each in fields), ", ".join(["%s"] * len(fields))
    head, one = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ", f"({places})"  # noqa: S608 - names of the model
    tail = " ON CONFLICT DO NOTHING" if unless_there else ""
    if replacing:
        tail = f" ON CONFLICT ({model._meta.pk.column}) DO UPDATE SET " + ", ".join(
            f"{each} = excluded.{each}" for each in replacing
        )
    with connection.cursor() as cursor:
        for start in range(0, len(objects), at_once):
            batch = objects[start : start + at_once]
            bound = [_value(field, field.pre_save(each, add=True)) for each in batch for field in fields]
            cursor.execute(head + ", ".join([one] * len(batch)) + tail, bound)
    for each in objects:
        each._state.adding, each._state.db = False, connection.alias


def change(model: type[Model], changes: dict[str, Any], **where: object) -> int:
    """Gives the rows with these values other ones; how many there were. A list or tuple among the conditions is a choice."""
    fields = {model._meta.get_field(name): value for name, value in changes.items()}
    settings = ", ".join(f'"{field.column}" = %s' for field in fields)
    conditions, bound = _conditions(model, where)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {settings} WHERE {conditions}",  # noqa: S608 - names of the model
            [_value(field, value) for field, value in fields.items()] + bound,
        )
        return int(cursor.rowcount)


def keep(row: Model, *names: str) -> None:
    """Writes these fields of an object to its row."""
    change(type(row), {name: getattr(row, row._meta.get_field(name).attname) for name in names}, pk=row.pk)


def remove(model: type[Model], **where: object) -> None:
    """Deletes the rows with these values, and nothing that hangs on them."""
    conditions, bound = _conditions(model, where)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {conditions}", bound)  # noqa: S608 - names of the model


def _conditions(model: type[Model], where: dict[str, object]) -> tuple[str, list[object]]:
    texts, bound = [], []
    for name, wanted in where.items():
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        if wanted is None:
            texts.append(f'"{field.column}" IS NULL')
            continue
        values = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
        places = ", ".join(["%s"] * len(values))
        texts.append(f'"{field.column}" IN ({places})')
        bound += [_value(field, value) for value in values]
    return " AND ".join(texts), bound


def _value(field: Field, value: object) -> object:
    """As the database takes it. Texts and numbers it takes as they are: asking their field is most of what an INSERT costs."""
    return value if type(value) is _plain(field) else field.get_db_prep_save(value, connection)


@lru_cache(maxsize=1024)
def _plain(field: Field) -> type | None:
    """The type of those values that a field changes nothing about."""
    if isinstance(field, ForeignKey):
        return _plain(field.target_field)
    return _PLAIN.get(type(field))
