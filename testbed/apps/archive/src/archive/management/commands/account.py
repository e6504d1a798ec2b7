"""`archive account NAME`: an account with the password of ACCOUNT_PASSWORD, made or changed."""

from argparse import ArgumentParser

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from archive.environment import text


class Command(BaseCommand):
    """Makes an account that may use the API; it is no administrator."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name."""
        parser.add_argument("name")

    def handle(self, *, name: str, **_: object) -> None:
        """Make the account, or change its password when it is another one."""
        password = text("ACCOUNT_PASSWORD")
        user, made = get_user_model().objects.get_or_create(username=name)
        if not user.check_password(password):
            user.set_password(password)
            user.save()
            self.stdout.write(f"account {name}: {'made' if made else 'password changed'}")
