"""The same machine as in test_any_order, for minutes: thousands of sessions, not the same ones each time."""

import pytest
from hypothesis import HealthCheck, settings

from tests.any_session import AnySession

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


class TestManySessions(AnySession.TestCase):
    """A class of its own: the short run's settings must stay the short run's."""

    settings = settings(
        max_examples=10_000,
        stateful_step_count=60,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
