"""The audit trail's table, and the triggers that refuse UPDATE and DELETE from whoever holds a connection.

A later migration that makes SQLite rebuild this table (any AlterField does) loses the triggers with the old table and
has to run ``forbid_changes`` again; tests/portal/audit/test_append_only.py notices if one forgets.
"""

from django.db import migrations, models

import portal.audit.models
import portal.fields

# REPLACE deletes the old row without calling DELETE triggers (unless recursive_triggers is on), so a row of the same id
# or row id is refused before the insert.
SQLITE = (
    """CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
       BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END""",
    """CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event
       BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END""",
    """CREATE TRIGGER audit_event_no_replace BEFORE INSERT ON audit_event
       WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id)
         OR EXISTS (SELECT 1 FROM audit_event WHERE rowid = NEW.rowid)
       BEGIN SELECT RAISE(ABORT, 'audit events are never replaced'); END""",
)
POSTGRESQL = (
    """CREATE FUNCTION audit_event_unchangeable() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'audit events are never changed or deleted'; END $$""",
    """CREATE TRIGGER audit_event_no_update BEFORE UPDATE OR DELETE ON audit_event
       FOR EACH ROW EXECUTE FUNCTION audit_event_unchangeable()""",
    """CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
       FOR EACH STATEMENT EXECUTE FUNCTION audit_event_unchangeable()""",
    "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_no_update",
    "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_no_truncate",
)
STATEMENTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


def forbid_changes(apps, schema_editor):
    """A database this portal has no triggers for stops here (KeyError): an audit trail that can be edited is none."""
    for statement in STATEMENTS[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=portal.audit.models.random_id,
                        editable=False,
                        max_length=32,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.BigIntegerField()),
                ("person", models.CharField(max_length=32)),
                ("name", models.CharField(max_length=64)),
                ("role", models.CharField(max_length=128)),
                ("session", models.CharField(max_length=64)),
                ("address", models.CharField(max_length=64)),
                ("process", models.CharField(max_length=64)),
                ("verb", models.CharField(max_length=32)),
                ("kind", models.CharField(max_length=32)),
                ("object_id", models.CharField(max_length=200)),
                ("about", models.CharField(max_length=200)),
                ("label", models.CharField(max_length=300)),
                ("outcome", models.CharField(max_length=16)),
                ("reason", models.CharField(max_length=300)),
                ("correlation", models.CharField(max_length=64)),
                ("leaf", portal.fields.BytesField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["at"], name="audit_at"),
                    models.Index(fields=["correlation", "at"], name="audit_correlation_at"),
                    models.Index(fields=["name", "at", "verb", "outcome", "label"], name="audit_name_at"),
                    models.Index(fields=["about", "at", "verb", "outcome", "label"], name="audit_about_at"),
                    models.Index(fields=["label", "at", "verb", "outcome"], name="audit_label_at"),
                    models.Index(fields=["verb", "at", "outcome", "label"], name="audit_verb_at"),
                    models.Index(fields=["outcome", "at", "verb", "label"], name="audit_outcome_at"),
                ],
            },
        ),
        # No way back: dropping the table is the owner's decision, not a migration's.
        migrations.RunPython(forbid_changes),
    ]
