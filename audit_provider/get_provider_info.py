def get_provider_info():
    return {"package-name":"airflow-provider-audit-logs","name":"Audit logs","description":"x"}
