"""What is written down: suites, scenarios, runs, machines, and the tables that hold them."""
