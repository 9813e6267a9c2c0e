"""Is this derivative right, and if not, where and why?"""

from .causes import Cause as Cause
from .checker import assert_derivative as assert_derivative
from .checker import check as check
from .report import Report as Report
