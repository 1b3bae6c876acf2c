"""The application: settings, engines, knowledge, the service, its UI, HTTP API and commands."""
