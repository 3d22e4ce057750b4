"""Route files and the rules that turn staged Salesforce records into exact Xero documents."""
