"""Parts of a configuration where an app's image may be built by the server itself."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from .. import artefact_source, image_build
from ..artefact import Artefact, ArtefactArgs
from ..host import Host
from . import parts
from .environment import Arguments
from .loading import Part
from .problems import refuse
from .values import Image, Mib, Text


def _file(value: str) -> str:
    if not image_build.FILE.fullmatch(value):
        refuse("is no path inside the folder", "write it from the folder on, such as Dockerfile")
    return value


class Build(parts.Source):
    """An image that the server builds, of the folder that the source is."""

    file: Annotated[Text, AfterValidator(_file)] = "Dockerfile"
    """The Dockerfile, from the folder on."""
    base: Image | None = Field(None, examples=["python:3.12-slim@sha256:…"])
    """The image that it is built onto, which the Dockerfile gets as its argument BASE."""
    arguments: Arguments = Field(default_factory=dict, examples=[{"VERSION": "1.0.0"}])
    """Further arguments of the Dockerfile; never a secret."""
    memory_mib: Annotated[Mib, Field(ge=image_build.SMALLEST_MEMORY_MIB)] = 1024
    """Memory limit of each step of the build in MiB; the server must have as much free."""

    @model_validator(mode="after")
    def _there(self) -> Self:
        if self.path:
            there = Path(self.path).exists()
            names = artefact_source.LocalSource(path=self.path).names() if there else ()
            if self.file not in names:
                cure = f"add {self.file} to that folder, or correct path"
                refuse(f"has no {self.file} at path", cure, show=False)
        return self

    def on(self, host: Host, name: str) -> image_build.ImageBuild:
        """Bring the folder to a host, and return how the image is built there."""
        context = Artefact(name, ArtefactArgs(host=host, source=self.source()))
        return image_build.ImageBuild(
            context=context,
            file=self.file,
            base=self.base,
            arguments=self.arguments,
            memory_mib=self.memory_mib,
        )


def _kind_of_image(given: object) -> str:
    return "[object]" if isinstance(given, dict | Build) else "[text]"


class _ImageOrBuild(Part):
    image: Annotated[
        Annotated[Image, Tag("[text]")] | Annotated[Build, Tag("[object]")],
        Discriminator(_kind_of_image),
    ] = Field(examples=["ghcr.io/you/app:1.0.0"])
    """Its image, by its reference or by how the server builds it; a new one is a new release."""

    def pulled(self) -> dict[str, str]:
        """Return what comes from a registry, by the key of the stack's file.

        It is empty where only a Dockerfile names it.
        """
        if isinstance(self.image, Build):
            return {"app.image.base": self.image.base or ""}
        return {"app.image": self.image}

    def image_on(self, host: Host, name: str = "image") -> str | image_build.ImageBuild:
        """Return the image as apps on a host take it; call it once a host."""
        return self.image.on(host, name) if isinstance(self.image, Build) else self.image


class BuildableApp(parts.Workload, _ImageOrBuild):
    """The app."""
