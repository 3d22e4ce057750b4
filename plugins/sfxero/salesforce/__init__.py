"""Reads Salesforce: REST queries and describes, Bulk API 2.0 query jobs."""
