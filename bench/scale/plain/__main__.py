"""As many commands as `resources` says: what so many resources cost, whoever declares them."""

import pulumi
import pulumi_command as command

for number in range(pulumi.Config().require_int("resources")):
    command.local.Command(f"command{number}", create="true", stdin=f"{number}")
