"""Is this derivative right, and if not, where and why?"""

from .causes import Cause as Cause
from .certified import Enclosure as Enclosure
from .certified import ErrorBounds as ErrorBounds
from .certify import certify as certify
from .checker import assert_derivative as assert_derivative
from .checker import check as check
from .report import Report as Report
