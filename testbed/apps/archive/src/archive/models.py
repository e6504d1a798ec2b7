"""Documents, each of one person."""

from django.conf import settings
from django.db import models


class Document(models.Model):
    """A text with a title and perhaps a file."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    file = models.FileField(upload_to="documents/%Y/%m", blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest come first."""

        ordering = ("-created", "-id")

    def __str__(self) -> str:
        return self.title
