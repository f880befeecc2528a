"""From text to values: YAML, JSON that is not quite valid, templates, validation, and the versions of what is kept."""
