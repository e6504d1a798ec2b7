"""Files that are written for one instance, from the templates in `files/`."""

import jinja2

_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("homeport.cloud", "files"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701  (configuration files, no HTML)
)


def render(template: str, **values: object) -> str:
    """Return a template filled in; a value that is missing is an error."""
    return _environment.get_template(template).render(**values)
