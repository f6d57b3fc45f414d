"""Any order of commands, repeats, early answers, late results, in both modes: what holds in every session."""

from hypothesis import HealthCheck, Phase, settings

from tests.any_session import AnySession

TestAnySession = AnySession.TestCase
TestAnySession.settings = settings(
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),  # `explain` traces every line, for minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
