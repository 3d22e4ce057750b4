"""Matching: which Xero contact that is there already stands for which Salesforce account."""
