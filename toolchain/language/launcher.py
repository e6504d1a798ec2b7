"""Runs the script that runs a program, and names the project's folder, which it knows nothing of.

Arguments: the project's folder, the script, the script's own arguments.
"""

import contextlib
import functools
import runpy
import sys

folder, script = sys.argv[1:3]
sys.argv = sys.argv[2:]
# Without the SDK, the script itself says what to do.
with contextlib.suppress(ImportError):
    import pulumi.runtime

    pulumi.runtime.Settings = functools.partial(pulumi.runtime.Settings, root_directory=folder)
runpy.run_path(script, run_name="__main__")
