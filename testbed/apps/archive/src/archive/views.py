"""The pages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from archive.models import Document


def home(request: HttpRequest) -> HttpResponse:
    """Show how many documents there are, and to their owner which."""
    user = request.user
    own = Document.objects.filter(owner=user)[:20] if user.is_authenticated else []
    context = {"documents": own, "count": Document.objects.count(), "release": settings.RELEASE}
    return render(request, "archive.html", context)
