"""From Airflow connections to sessions: one hook per connection type, each with a form and a Test."""
