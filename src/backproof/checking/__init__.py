"""Is this derivative right, and if not, where and why?"""

from .causes import Cause as Cause
