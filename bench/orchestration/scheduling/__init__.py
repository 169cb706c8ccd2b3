"""Which run goes where, and when: requests, allocations, queues and policies. No Ray here."""
