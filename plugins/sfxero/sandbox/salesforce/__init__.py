"""The sandbox's Salesforce org: state, rules, routes and failures."""
