"""Imports what the starter's resources come from, and declares nothing."""

import pulumi_command  # noqa: F401 - the import is what is measured
import pulumi_docker  # noqa: F401
import pulumi_hcloud  # noqa: F401
import pulumi_random  # noqa: F401
