"""The API: documents of whoever is logged in, health, and what the proxy says of a client."""

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request

from archive.models import Document

FORWARDED = ("Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP")


class DocumentSerializer(serializers.ModelSerializer):
    """A document as JSON; the file is fetched from a path of its own."""

    file = serializers.FileField(write_only=True, required=False)
    size = serializers.SerializerMethodField()

    class Meta:
        """What is shown."""

        model = Document
        fields = ("id", "title", "text", "created", "file", "size")

    def get_size(self, document: Document) -> int:
        """Return the file's size; 0 without one."""
        return document.file.size if document.file else 0

    def validate_file(self, file: UploadedFile) -> UploadedFile:
        """Refuse a file beyond the limit, whatever the request's length said."""
        if file.size > settings.UPLOAD_LIMIT_MIB * 2**20:
            msg = f"files end at {settings.UPLOAD_LIMIT_MIB} MiB"
            raise serializers.ValidationError(msg)
        return file


class Documents(viewsets.ModelViewSet):
    """Everybody's own documents."""

    serializer_class = DocumentSerializer

    def get_queryset(self) -> "QuerySet[Document]":
        """Return the documents of whoever asks."""
        return Document.objects.filter(owner=self.request.user)

    def perform_create(self, serializer: DocumentSerializer) -> None:
        """Keep a new document for whoever sent it."""
        serializer.save(owner=self.request.user)

    def perform_destroy(self, document: Document) -> None:
        """Remove a document with its file."""
        document.file.delete(save=False)
        document.delete()

    @action(detail=True)
    def file(self, request: Request, pk: str) -> FileResponse:  # noqa: ARG002 - the route's words
        """Send the file."""
        document = self.get_object()
        if not document.file:
            raise Http404
        return FileResponse(document.file.open("rb"), as_attachment=True)


def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's words
    """Answer 200 when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM archive_document")
        (documents,) = cursor.fetchone()
    return JsonResponse({"status": "ok", "release": settings.RELEASE, "documents": documents})


def client(request: HttpRequest) -> JsonResponse:
    """Tell a client what the proxy tells of it."""
    seen = {name: request.headers.get(name, "") for name in FORWARDED}
    return JsonResponse({"headers": seen, "secure": request.is_secure()})


def session(request: HttpRequest) -> JsonResponse:
    """Tell a page who is logged in, and the token that its requests have to carry."""
    return JsonResponse({"user": request.user.get_username(), "csrf_token": get_token(request)})
