"""Field types that every app may use."""

from django.db import models


class BytesField(models.BinaryField):
    """A BinaryField that always gives `bytes` (PostgreSQL's driver gives a memoryview)."""

    def from_db_value(self, value: object, expression: object, connection: object) -> bytes | None:
        return None if value is None else bytes(value)
