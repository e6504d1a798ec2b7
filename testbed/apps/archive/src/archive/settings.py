"""Settings, all from the environment; a missing or half-given one ends the start in words."""

from pathlib import Path

from archive import environment
from archive.environment import text, words

environment.debugging_is_off()
DEBUG = False
RELEASE = text("RELEASE", default="dev")
SECRET_KEY = text("SECRET_KEY", "DJANGO_SECRET_KEY")
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS", "DJANGO_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = text("ALLOWED_HOSTS", "DJANGO_ALLOWED_HOSTS").split(",")

# The page of another origin: it may call with the session's cookie, and its forms are believed.
CORS_ALLOWED_ORIGINS = words("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = True
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", "DJANGO_CSRF_TRUSTED_ORIGINS")

# The proxy ends TLS, and replaces what a client says of itself.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = environment.number("DJANGO_HSTS_SECONDS", 300)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = text("HSTS_PRELOAD", default="0") == "1"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
X_FRAME_OPTIONS = "SAMEORIGIN"
SILENCED_SYSTEM_CHECKS = [
    # Other names below the domain are not this app's to decide about; preloading needs them all.
    "security.W005",
    "security.W021",
    # The page may frame documents of its own origin.
    "security.W019",
]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "archive",
]
MIDDLEWARE = [
    "archive.middleware.Release",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "archive.middleware.UploadLimit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "archive.urls"
WSGI_APPLICATION = "archive.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A file of SQLite is for reading what was there before: `dumpdata`, whose output `adopt` takes.
SQLITE_FILE = text("SQLITE_FILE", default="")
if SQLITE_FILE:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": SQLITE_FILE}}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            # Over TLS to another machine, a connection costs more than most requests.
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "NAME": text("DATABASE_NAME", "DB_NAME"),
            "USER": text("DATABASE_USER", "DB_USER"),
            "PASSWORD": text("DATABASE_PASSWORD", "DB_PASSWORD"),
            "HOST": text("DATABASE_HOST", "DB_HOST"),
            "PORT": text("DATABASE_PORT", "DB_PORT", default="5432"),
            "OPTIONS": {
                "connect_timeout": 3,
                "sslmode": text("PGSSLMODE", default="prefer"),
                **(
                    {"sslrootcert": text("PGSSLROOTCERT")}
                    if text("PGSSLROOTCERT", default="")
                    else {}
                ),
            },
        }
    }

LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "/accounts/login/", "/", "/"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
GOOGLE = environment.whole(
    {"key": "GOOGLE_OAUTH2_CLIENT_ID", "secret": "GOOGLE_OAUTH2_CLIENT_SECRET"}
)
if GOOGLE:
    INSTALLED_APPS.append("social_django")
    MIDDLEWARE.append("social_django.middleware.SocialAuthExceptionMiddleware")
    AUTHENTICATION_BACKENDS.append("archive.google.Google")
    SOCIAL_AUTH_GOOGLE_KEY = GOOGLE["key"]
    SOCIAL_AUTH_GOOGLE_SECRET = GOOGLE["secret"]
    SOCIAL_AUTH_GOOGLE_OIDC_ENDPOINT = text(
        "GOOGLE_OIDC_ENDPOINT", default="https://accounts.google.com"
    )
    SOCIAL_AUTH_GOOGLE_USE_PKCE = True
    SOCIAL_AUTH_REDIRECT_IS_HTTPS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": text("THROTTLE_RATE", default="600/min")},
}

# The old and the new release serve from one folder: names carry a hash of the content, and each
# release has a list of its own.
STATIC_URL = "/static/"
STATIC_ROOT = text("STATIC_ROOT", default="/tmp/static")  # noqa: S108 - a container's own
MEDIA_ROOT = text("MEDIA_ROOT", default="/tmp/media")  # noqa: S108 - a container's own
UPLOAD_LIMIT_MIB = environment.number("UPLOAD_LIMIT_MIB", 10)
FILE_UPLOAD_PERMISSIONS = 0o644
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
S3 = environment.whole(
    {
        "endpoint_url": "AWS_S3_ENDPOINT_URL",
        "region_name": "AWS_S3_REGION_NAME",
        "bucket_name": "AWS_STORAGE_BUCKET_NAME",
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
    }
)
_MEDIA = (
    {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**S3, "file_overwrite": False}}
    if S3
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"}
)
# Read by the proxy, whatever rights new folders of this process have.
_STATIC = {
    "BACKEND": "archive.storage.StaticFiles",
    "OPTIONS": {"directory_permissions_mode": 0o755},
}
STORAGES = {"default": _MEDIA, "staticfiles": _STATIC}

# Every line goes to standard output; with LOG_FOLDER into a file too, which stays small.
_LOG_FOLDER = text("LOG_FOLDER", default="")
_HANDLERS: dict[str, dict[str, object]] = {
    "console": {"class": "logging.StreamHandler", "formatter": "json"}
}
if _LOG_FOLDER:
    _HANDLERS["file"] = {
        "class": "concurrent_log_handler.ConcurrentRotatingFileHandler",
        "formatter": "json",
        "filename": str(Path(_LOG_FOLDER) / "archive.log"),
        "maxBytes": 10 * 2**20,
        "backupCount": 5,
    }
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "archive.logs.Json"}},
    "handlers": _HANDLERS,
    "root": {"handlers": [*_HANDLERS], "level": text("LOG_LEVEL", default="INFO").upper()},
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
USE_TZ = True
TIME_ZONE = "UTC"
