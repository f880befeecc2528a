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
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        fields = cls._described()["conn-fields"]
        return {name: StringField(each["label"], widget=BS3TextFieldWidget()) for name, each in fields.items()}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows Airflow's fields."""
        behaviour: dict[str, Any] = cls._described()["ui-field-behaviour"]
        return behaviour

    @classmethod
    def _described(cls) -> dict[str, Any]:
        kinds = get_provider_info()["connection-types"]
        return next(each for each in kinds if each["connection-type"] == cls.conn_type)
