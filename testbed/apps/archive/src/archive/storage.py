"""Static files with a hash of their content in their names."""

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class StaticFiles(ManifestStaticFilesStorage):
    """Keeps the list of names per release: an old one that still serves reads its own."""

    # Of the class: the list is read as soon as one is made.
    manifest_name = f"staticfiles-{settings.RELEASE}.json"
