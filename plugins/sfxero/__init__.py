"""Keeps a Salesforce org and a Xero organisation in step, under Apache Airflow."""
