"""`archive adopt`: takes over what `dumpdata` wrote of another database, all of it or nothing."""

import collections
import sys

from django.apps import apps
from django.core import serializers
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, models, transaction
from django.db.models import Max

Model = type[models.Model]


class Command(BaseCommand):
    """Reads JSON on standard input into a database that holds no more than accounts.

    Every row is there afterwards, counted model by model, and new rows get numbers of their own.
    """

    def handle(self, **_: object) -> None:
        """Take all rows in one transaction."""
        with transaction.atomic(), connection.constraint_checks_disabled():
            before = {model: model._default_manager.count() for model in apps.get_models()}
            new: collections.Counter[Model] = collections.Counter()
            for entry in serializers.deserialize("json", sys.stdin):
                model = type(entry.object)
                _refuse_mixtures(model, before[model])
                new[model] += not model._default_manager.filter(pk=entry.object.pk).exists()
                entry.save()
            connection.check_constraints()
            for model in new:
                _advance(model)
            counted = [_counted(model, before[model] + added) for model, added in new.items()]
        self.stdout.write("".join(f"{line}\n" for line in sorted(counted)))


def _refuse_mixtures(model: Model, rows: int) -> None:
    """Refuse numbers that could be taken already; what has a natural key is found by that."""
    if rows and not hasattr(model, "natural_key"):
        msg = f"{model._meta.label} holds {rows} rows already; adopt fills an empty database"
        raise CommandError(msg)


def _advance(model: Model) -> None:
    """Let the next row get a number that no row has.

    The numbers are drawn, since a user who may only change rows cannot set where they begin.
    """
    key = model._meta.pk
    if not isinstance(key, models.AutoField) or connection.vendor != "postgresql":
        return
    highest = model._default_manager.aggregate(highest=Max("pk"))["highest"] or 0
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key.column])
        (sequence,) = cursor.fetchone()
        cursor.execute(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - its own name
        last, called = cursor.fetchone()
        missing = highest - (last if called else last - 1)
        if missing > 0:
            draw = "SELECT count(nextval(%s)) FROM generate_series(1, %s)"
            cursor.execute(draw, [sequence, missing])


def _counted(model: Model, expected: int) -> str:
    found = model._default_manager.count()
    if found != expected:
        msg = f"{model._meta.label}: {found} rows, expected {expected}; nothing was taken over"
        raise CommandError(msg)
    return f"{model._meta.label} {found}"
