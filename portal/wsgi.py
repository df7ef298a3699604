"""The web process's entry point (gunicorn, gthread workers; never ASGI, which would spool request bodies in clear)."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("PORTAL_PROCESS", "web")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
