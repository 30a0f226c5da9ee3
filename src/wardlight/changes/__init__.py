"""Changes to the platform that explain what is seen: maintenance windows and deployments.

`window` says what a window is and how it goes on, `windows` keeps them, `keeper` makes them silences in Alertmanager and
annotations in `grafana`, `deployments` keeps those.
"""

from wardlight.changes.deployments import Deployment, Deployments
from wardlight.changes.keeper import Keeper
from wardlight.changes.window import Window
from wardlight.changes.windows import Windows

__all__ = ["Deployment", "Deployments", "Keeper", "Window", "Windows"]
