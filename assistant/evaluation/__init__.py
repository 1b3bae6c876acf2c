"""What evaluation asks of the application: targets, what their outputs depend on, and homes to fill."""
