"""A hook's connection form, for versions of Airflow that ask the hook for it."""

from __future__ import annotations

from typing import Any

from audit_provider.get_provider_info import get_provider_info


class DescribedForm:
    """The form as the provider's info describes it. Airflow 3.1 asks the hook, later versions read the info."""

    conn_type: str

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, PasswordField, StringField
        from wtforms.validators import any_of

        def field(described: dict[str, Any]) -> Any:
            label, schema = described["label"], described["schema"]
            about = {"description": described["description"]}
            if "boolean" in schema["type"]:
                return BooleanField(label, default=schema.get("default"), **about)
            if schema.get("format") == "password":
                return PasswordField(label, widget=BS3PasswordFieldWidget(), **about)
            choice = {"validators": [any_of(schema["enum"])]} if "enum" in schema else {}
            return StringField(label, widget=BS3TextFieldWidget(), **choice, **about)

        return {name: field(each) for name, each in cls._described()["conn-fields"].items()}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows Airflow's fields."""
        behaviour: dict[str, Any] = cls._described()["ui-field-behaviour"]
        return behaviour

    @classmethod
    def _described(cls) -> dict[str, Any]:
        kinds = get_provider_info()["connection-types"]
        return next(each for each in kinds if each["connection-type"] == cls.conn_type)
