"""A plugin for pytest (`-p tests.drill.profile`): hypothesis's profile "drill", for tests that name no number of examples themselves."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Twenty times hypothesis's own hundred: minutes in all.
_EXAMPLES = 2000

settings.register_profile("drill", max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
