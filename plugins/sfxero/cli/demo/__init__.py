"""`make demo`: sandbox and Airflow in a folder of their own, one whole sync, a table."""
