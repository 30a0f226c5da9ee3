"""The console: what people see. One page, rendered here, renewed every two seconds.

`prometheus` asks, `snapshot` orders, `verdict` judges, `overview` gathers, `words` writes, `pages` serves.
"""

from wardlight.console.overview import Overview
from wardlight.console.pages import router

__all__ = ["Overview", "router"]
