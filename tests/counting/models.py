"""What the trivial jobs of the tests leave behind: how often each of them counted."""

from django.db import models


class Count(models.Model):
    target = models.CharField(max_length=64, unique=True)
    times = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.target}: {self.times}"
