"""Which path is what."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from archive import api, views

router = DefaultRouter()
router.register("documents", api.Documents, basename="document")

urlpatterns = [
    path("", views.home),
    path(
        "accounts/login/",
        LoginView.as_view(extra_context={"google": bool(settings.GOOGLE)}),
        name="login",
    ),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/healthz", api.healthz),
    path("api/client", api.client),
    path("api/session", api.session),
    path("api/", include(router.urls)),
    *(
        [path("oauth/", include("social_django.urls", namespace="social"))]
        if settings.GOOGLE
        else []
    ),
]
