"""Local stand-ins for Salesforce and Xero; a program of its own, never imported by the product."""
