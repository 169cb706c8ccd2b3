"""The processes of a run: how they start, who is who among them, and why they died. No Ray here."""
