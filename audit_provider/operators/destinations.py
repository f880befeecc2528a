"""The operator of each destination type, made from its description.

An operator takes the arguments of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`, and the options that
the description lists.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from inspect import Parameter, Signature
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from audit_provider.core.destinations.registry import ByDestination
from audit_provider.operators.links import link_of
from audit_provider.operators.ship import ShipAuditLogsOperator

if TYPE_CHECKING:
    from audit_provider.core.destinations.spec import DestinationSpec

_PARENT = __name__.rpartition(".")[0]


def operator_of(spec: DestinationSpec) -> type[ShipAuditLogsOperator]:
    """Return the operator that ships to a destination type."""
    options = {each.name: each for each in dataclasses.fields(spec.options)}
    # The default of an option is defined for the pipelines file, so None means "not given" here.
    parameters = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if options[name].default is options[name].default_factory else None,
        )
        for name in spec.arguments
    ]

    def initialize(self: Any, **kwargs: Any) -> None:
        own = {name: kwargs.pop(name, None) for name in spec.arguments}
        super(made, self).__init__(**kwargs)
        for name, value in own.items():
            setattr(self, name, value)

    # Airflow reads the signature, for ``default_args`` and for mapped tasks.
    rest = Parameter("kwargs", Parameter.VAR_KEYWORD)
    receiver = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    initialize.__signature__ = Signature([receiver, *parameters, rest])  # type: ignore[attr-defined]
    link = [link_of(spec)()] if spec.link_name else []
    metaclass: Any = type(ShipAuditLogsOperator)
    made: type[ShipAuditLogsOperator] = metaclass(
        spec.operator_name,
        (ShipAuditLogsOperator,),
        {
            "__doc__": _docstring(spec),
            "__module__": f"{_PARENT}.{spec.name}",
            "__init__": initialize,
            "destination_type": spec.name,
            "hook": resolve_name(spec.hook_path),
            "option_names": spec.arguments,
            "template_fields": (*ShipAuditLogsOperator.template_fields, *spec.arguments),
            "operator_extra_links": tuple(link),
        },
    )
    return made


def _docstring(spec: DestinationSpec) -> str:
    meanings = spec.meanings()
    example = {"task_id": f"ship_{spec.name}", "pipeline": "pylon", "conn_id": spec.options.default_conn_id}
    example |= {key: value for key, value in spec.about.example.items() if key in spec.arguments}
    options = {key: value for key, value in spec.about.example.items() if key not in spec.arguments}
    arguments = [f"{key}={json.dumps(value)}" for key, value in example.items()]
    arguments += [f"options={options!r}"] if options else []
    return "\n".join(
        [
            f"Ship events to {spec.about.title}. {spec.about.guarantee}",
            "",
            "    It has the parameters of :class:`~audit_provider.operators.ship.ShipAuditLogsOperator`"
            + (", and those below." if spec.arguments else "."),
            "    Example::",
            "",
            f"        {spec.operator_name}(",
            *(f"            {each}," for each in arguments),
            "        )",
            "",
            *(f"    :param {name}: {meanings[name]}" for name in spec.arguments),
            "",
        ]
    )


SHIP_OPERATORS: Mapping[str, type[ShipAuditLogsOperator]] = ByDestination(operator_of)
"""The operator of each destination type."""
