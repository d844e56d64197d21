"""Finds plugins: those a handler names, and those the environment names."""

from __future__ import annotations

from durable_runtime.exceptions import PluginLoadError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

PLUGIN_ENTRY_POINT_GROUP = "aws_durable_execution.plugins"
PLUGIN_ENVIRONMENT_VARIABLE = "DURABLE_EXECUTION_PLUGINS"


class InstanceFactory:
    """Stands for a plugin given as an instance or a class, as in earlier releases of AWS's SDK."""

    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin

    def create_plugin(self, _info: Any, /) -> Any:
        """Return the plugin."""
        return self.plugin() if isinstance(self.plugin, type) else self.plugin


def load_configured_plugins(
    explicit_plugins: Iterable[Any] | None,
    *,
    environment: Mapping[str, str] | None = None,
) -> list[Any]:
    """Return factories for the plugins that a handler has, its own first.

    Args:
        explicit_plugins: The handler's own: factories, instances or classes.
        environment: Where to look for names of further plugins; the process's environment by default.

    Raises:
        PluginLoadError: A plugin named in the environment cannot be loaded, or two exclude each other.
    """
    import os

    factories = [_as_factory(plugin) for plugin in explicit_plugins or ()]
    factories += _configured(os.environ if environment is None else environment)
    _check_exclusive(factories)
    for factory in factories:
        report = getattr(factory, "on_registration_result", None)
        if _takes_part(factory) and callable(report):
            report(True)
    return factories


def _as_factory(plugin: Any) -> Any:
    if callable(getattr(plugin, "create_plugin", None)):
        return plugin
    from durable_runtime.plugin import DurableInstrumentationPlugin

    kind = plugin if isinstance(plugin, type) else type(plugin)
    hooks = [name for name in vars(DurableInstrumentationPlugin) if name.startswith("on_")]
    if issubclass(kind, DurableInstrumentationPlugin) or any(hasattr(kind, name) for name in hooks):
        return InstanceFactory(plugin)
    raise ValidationError(
        f"durable_execution: {plugin!r} is no plugin; give a factory with create_plugin(info), or an instance of a "
        "subclass of DurableInstrumentationPlugin",
    )


def _configured(environment: Mapping[str, str]) -> list[Any]:
    """Load the plugins that the environment names."""
    text = environment.get(PLUGIN_ENVIRONMENT_VARIABLE, "").strip()
    if not text:
        return []
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise PluginLoadError(
            f"{PLUGIN_ENVIRONMENT_VARIABLE} is {text!r}; it must hold different names, separated by commas",
        )
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=PLUGIN_ENTRY_POINT_GROUP)}
    factories = []
    for name in names:
        if name not in found:
            raise PluginLoadError(
                f"{PLUGIN_ENVIRONMENT_VARIABLE} names the plugin {name!r}, which no installed distribution has under "
                f"the entry point group {PLUGIN_ENTRY_POINT_GROUP!r}; found: {', '.join(sorted(found)) or 'none'}",
            )
        try:
            factories.append(_as_factory(found[name].load()))
        except Exception as error:
            raise PluginLoadError(f"the plugin {name!r} could not be loaded: {error}") from error
    return factories


def _takes_part(factory: Any) -> bool:
    return getattr(type(factory), "__durable_registration_api__", None) == 1


def _check_exclusive(factories: list[Any]) -> None:
    """Refuse two plugins of one exclusive group."""
    taken: dict[str, Any] = {}
    for factory in factories:
        group = getattr(type(factory), "exclusive_group", None) if _takes_part(factory) else None
        if group in taken:
            raise PluginLoadError(
                f"{type(taken[group]).__qualname__} and {type(factory).__qualname__} exclude each other (group "
                f"{group!r}); register one of them",
            )
        if group is not None:
            taken[group] = factory
