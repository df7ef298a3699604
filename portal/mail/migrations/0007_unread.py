from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("mail", "0006_provisional"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("read_at", None)),
                fields=["owner", "folder", "label", "provisional_label"],
                name="unread_in_mailbox",
            ),
        ),
    ]
