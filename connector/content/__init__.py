"""Bodies on demand: fetched from Graph when a person opens a mail, cleaned, never kept by the connector."""
