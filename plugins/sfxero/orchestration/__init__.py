"""The Airflow side: hooks, retry policy, connection types and the bodies of the tasks."""
