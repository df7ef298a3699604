"""The web portal: it stores, decides who may, shows pages, and drives ``secmail`` from Celery workers."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
