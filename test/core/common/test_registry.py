import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.registry import Registry


def test_a_name_is_given_once_and_the_error_says_to_whom() -> None:
    registry = Registry("head")

    @registry.register("mine")
    def build() -> int:
        return 7

    assert list(registry) == ["mine"] and registry["mine"]() == build() == 7
    with pytest.raises(ConfigError, match=r"head named 'mine' is registered already .*build"):
        registry.register("mine")(int)
