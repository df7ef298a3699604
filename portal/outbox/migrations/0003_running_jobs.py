from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("outbox", "0002_dead_jobs"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="job", name="claim_order"),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=["precedence", "id", "state", "not_before", "lease_until", "kind"],
                name="claim_order",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(condition=models.Q(("state", "running")), fields=["kind", "lease_until"], name="running_jobs"),
        ),
    ]
