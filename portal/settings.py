"""One file, from the environment; a bad value refuses to start.

Every name that an operator may set is read here and nowhere else; `docs/operator.md` lists them.
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env

from portal import embedded_redis

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("PORTAL_DATA", str(BASE_DIR / "data"))).resolve()

# Which kind of process this is: web, worker, dispatcher, smtpd, or manage (a command typed by an operator). Only worker and
# manage may load the master key (keys/master.py).
PROCESS = env.str("PORTAL_PROCESS", "manage")
if PROCESS not in {"web", "worker", "dispatcher", "smtpd", "manage"}:
    raise ImproperlyConfigured("PORTAL_PROCESS must be web, worker, dispatcher, smtpd or manage")

HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)
LOOPBACK = HOST in {"127.0.0.1", "localhost", "::1"}
# Off loopback the portal starts only with TLS in front: cookies carry the key to a person's mail.
TLS_IN_FRONT = env.bool("TLS_IN_FRONT", False)
if not LOOPBACK and not TLS_IN_FRONT:
    raise ImproperlyConfigured("HOST is not a loopback address: put TLS in front of the portal and set TLS_IN_FRONT=1")

# Web and workers run as two system users of one group: the group may read and write what both need. The data folder
# must then be prepared (docs/operator.md); the master key's file is the workers' own.
SHARED_GROUP = env.bool("SHARED_GROUP", False)
UMASK = 0o007 if SHARED_GROUP else 0o077

DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [f"https://{h}" for h in ALLOWED_HOSTS])
MAIL_DOMAIN = env.str("MAIL_DOMAIN", "portal.example")


def _secret(name: str) -> str:
    """A secret of the web process, made on first use and kept beside the data with mode 0600."""
    from portal.secrets_file import read_or_create

    try:
        return read_or_create(DATA_DIR / "secrets" / name)
    except OSError as reason:
        raise ImproperlyConfigured(
            f"{DATA_DIR / 'secrets' / name} can't be read or made ({reason.strerror}):"
            " give the folder to the user of the web process, or set SECRET_KEY"
        ) from None


# Only the web process signs with it, so the others can't even read it where they run under another user.
SECRET_KEY = env.str("SECRET_KEY", "") or (_secret("django-secret-key") if PROCESS == "web" else secrets.token_urlsafe(48))

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "portal.outbox",
    "portal.audit",
    "portal.accounts",
    "portal.policy",
    "portal.keys",
    "portal.mail",
    "portal.operations",
]

MIDDLEWARE = [
    "portal.logs.RequestId",
    "portal.errors.ErrorPages",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.errors.NoStore",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.keys.middleware.UnlockedSession",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "portal.frame.frame",
            ],
            "builtins": ["portal.templatetags.portal"],
        },
    },
]

# --- database -------------------------------------------------------------------------------------------------------
# SQLite's IMMEDIATE makes every atomic() take the write lock, so there is none around reads.
DATABASES = {
    "default": {
        "ENGINE": "portal.sqlite",
        "NAME": DATA_DIR / "portal.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }
}
if DATABASE_URL := env.str("DATABASE_URL", ""):
    try:
        DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=None, conn_health_checks=True)}
    except ValueError:  # its text may hold the password
        raise ImproperlyConfigured("DATABASE_URL must be like postgres://user:password@host/portal") from None
    # The same few questions all day: the server plans each once for a connection, not each time (docs/decisions/load.md)
    DATABASES["default"].setdefault("OPTIONS", {}).update(server_side_binding=True, prepare_threshold=3)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ATOMIC_REQUESTS = False

# --- Redis and Celery: a doorbell, never a store (docs/developer.md) ------------------------------------------------
REDIS_SOCKET = embedded_redis.socket_path(DATA_DIR)
REDIS_EMBEDDED = not env.str("REDIS_URL", "")  # then `serve` runs one of its own, on that socket
REDIS_URL = f"unix://{REDIS_SOCKET}" if REDIS_EMBEDDED else env.str("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
# A Redis that is away is noticed at once, and one that hangs within a second; nothing is tried twice.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 0.25,
    "socket_timeout": 1.0,
    "max_retries": 0,
    # Fetched is acknowledged. With the emulation, acknowledgements that fail while Redis dies count as doorbells held for
    # ever, and the worker announces itself but takes no job any more.
    "ack_emulation": False,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 30.0
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TIMEZONE = "UTC"
# Celery would close the database before and after each task. portal/celery.py lets Django decide, as between two requests.
CELERY_DB_REUSE_MAX = 1_000_000_000

# --- processes (portal/supervisor.py) ----------------------------------------------------------------------------------
WEB_PROCESSES = env.int("WEB_PROCESSES", 2)
WEB_THREADS = env.int("WEB_THREADS", 8)
INTERACTIVE_CHILDREN = env.int("INTERACTIVE_CHILDREN", 2)
# BULK_CHILDREN: below, with the relay, for which some of them are
# How long a job may be silent before another worker takes it; long jobs renew it as they go on.
LEASE = timedelta(seconds=env.float("LEASE_SECONDS", 30))

# Whoever asks for /metrics must bring this token; without one there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    raise ImproperlyConfigured("METRICS_TOKEN must have at least 16 characters")

# --- keys and sessions (docs/operator.md, "Keys") -------------------------------------------------------------------
MASTER_KEY_FILE = Path(env.str("MASTER_KEY_FILE", str(DATA_DIR / "secrets" / "master.key")))
# The identity key signs what the web process seals to; its fingerprint is configuration, written once by the set-up.
IDENTITY_FILE = Path(env.str("IDENTITY_FILE", str(DATA_DIR / "identity.fingerprint")))
IDENTITY_FINGERPRINT = env.str("IDENTITY_FINGERPRINT", "")  # takes the place of the file
# Argon2id cost of a new password slot: memory in KiB, passes, lanes (RFC 9106's second choice).
SLOT_MEMORY_KIB = env.int("SLOT_MEMORY_KIB", 64 * 1024)
SLOT_PASSES = env.int("SLOT_PASSES", 3)
SESSION_IDLE = timedelta(minutes=env.int("SESSION_IDLE_MINUTES", 15))
SESSION_ABSOLUTE = timedelta(hours=8)
SIGN_IN_TRIES = 10

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["portal.keys.backend.SlotBackend"]
PASSWORD_HASHERS: list[str] = []  # there is no password hash: a password is right if it opens the slot
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/mail/inbox/"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-sessionid"
SESSION_KEY_COOKIE_NAME = "__Host-sk"
SESSION_COOKIE_SECURE = True  # Chromium and Firefox accept it on http://127.0.0.1 and localhost
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(SESSION_ABSOLUTE.total_seconds())
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_SECURE = True
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TLS_IN_FRONT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# --- messages and uploads -------------------------------------------------------------------------------------------
MESSAGE_MAX_SIZE = env.int("MESSAGE_MAX_SIZE", 150_000_000)  # bytes of text and attachments together
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000  # text of a message: more belongs into an attachment
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_NUMBER_FILES = 50
# Only ours: Django's own handlers would spool uploads in clear to the temporary folder.
FILE_UPLOAD_HANDLERS = ["portal.keys.uploads.SealedUploadHandler"]
SEALED_OBJECTS_DIR = DATA_DIR / "objects"
# Or in S3-compatible storage, where web and workers share no disk; boto3 takes the credentials from the environment.
S3_BUCKET = env.str("S3_BUCKET", "")
S3 = {
    "BACKEND": "portal.keys.s3.S3SealedObjects",
    "OPTIONS": {
        "bucket_name": S3_BUCKET,
        "endpoint_url": env.str("S3_ENDPOINT", "") or None,
        "region_name": env.str("S3_REGION", "") or None,
        "addressing_style": "path",
        "file_overwrite": True,  # names are random: nobody asks first whether one is free
        "default_acl": None,
        "max_memory_size": 1_000_000,
    },
}
UNDO_SECONDS = env.int("UNDO_SECONDS", 5)

# --- mail from outside (portal/mail/smtpd) --------------------------------------------------------------------------
SMTP_HOST = env.str("SMTP_HOST", "127.0.0.1")
SMTP_PORT = env.int("SMTP_PORT", 0)  # 0: `serve` takes no mail from outside
SMTP_LMTP = env.bool("SMTP_LMTP", False)  # LMTP, for a mail server in front, in SMTP's place
SMTP_TLS_CERT = env.str("SMTP_TLS_CERT", "")  # PEM files, for STARTTLS
SMTP_TLS_KEY = env.str("SMTP_TLS_KEY", "")
SMTP_MAX_SIZE = env.int("SMTP_MAX_SIZE", 2 * MESSAGE_MAX_SIZE)  # octets as they come: base64, twice where it is encrypted
SMTP_KEEP_FREE = env.int("SMTP_KEEP_FREE", 1_000_000_000)  # octets of the disk that mail from outside leaves for people here
SMTP_CONNECTIONS = env.int("SMTP_CONNECTIONS", 100)  # at the same time
REPEATS_KNOWN_FOR = timedelta(days=env.int("REPEATS_KNOWN_DAYS", 30))  # a message that is given again later is a new one
for _file in (SMTP_TLS_CERT, SMTP_TLS_KEY):
    if _file and not Path(_file).is_file():
        raise ImproperlyConfigured(f"there is no file {_file} (SMTP_TLS_CERT, SMTP_TLS_KEY)")

# --- what is sent ----------------------------------------------------------------------------------------------------
CONTENT_ENCRYPTION = env.str("CONTENT_ENCRYPTION", "auto")
if CONTENT_ENCRYPTION not in {"auto", "cbc"}:
    raise ImproperlyConfigured("CONTENT_ENCRYPTION must be auto or cbc")
# Interactive calls run in this process instead of a worker's: only the tests that look at one view set it.
CALLS_IN_PROCESS = False

# --- mail to the outside (docs/operator.md, "Mail to the outside") ---------------------------------------------------
RELAY_HOST = env.str("RELAY_HOST", "")  # without one nothing is sent outside
RELAY_PORT = env.int("RELAY_PORT", 587)
RELAY_TLS = env.str("RELAY_TLS", "starttls")
if RELAY_TLS not in {"starttls", "tls", "none"}:
    raise ImproperlyConfigured("RELAY_TLS must be starttls, tls or none")
if RELAY_HOST and RELAY_TLS == "none" and RELAY_HOST not in {"127.0.0.1", "localhost", "::1"}:
    raise ImproperlyConfigured("RELAY_TLS=none is for a relay on this machine only")
RELAY_CA_FILE = env.str("RELAY_CA_FILE", "") or None  # else the system's authorities vouch for the relay
RELAY_USER = env.str("RELAY_USER", "")
RELAY_PASSWORD = env.str("RELAY_PASSWORD", "")
if RELAY_USER and not RELAY_PASSWORD:
    raise ImproperlyConfigured("RELAY_USER needs RELAY_PASSWORD")
# At the same time; the last one is kept for IMMEDIATE and above. A relay that hangs must leave processes for everything else.
RELAY_CONNECTIONS = env.int("RELAY_CONNECTIONS", 3)
BULK_CHILDREN = env.int("BULK_CHILDREN", (os.cpu_count() or 1) + (RELAY_CONNECTIONS if RELAY_HOST else 0))
if RELAY_HOST and not 2 <= RELAY_CONNECTIONS < BULK_CHILDREN:
    raise ImproperlyConfigured("RELAY_CONNECTIONS must be 2 at least, and less than BULK_CHILDREN")

# --- pages ----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = None  # served from where they are (WHITENOISE_USE_FINDERS)
STORAGES = {
    "default": S3 if S3_BUCKET else {"BACKEND": "portal.keys.objects.SealedObjects"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-gb"

LOGGING_CONFIG = "portal.logs.configure"
LOGGING = {"level": env.log_level("LOG_LEVEL", "INFO")}
