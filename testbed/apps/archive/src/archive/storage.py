"""Static files with a hash of their content in their names."""

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class StaticFiles(ManifestStaticFilesStorage):
    """Keeps the list of names per release: an old one that still serves reads its own."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.manifest_name = f"staticfiles-{settings.RELEASE}.json"
