"""The admin's view of documents."""

from django.contrib import admin

from archive.models import Document


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    """Lists title, owner and time."""

    list_display = ("title", "owner", "created")
