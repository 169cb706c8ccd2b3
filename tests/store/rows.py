"""A generated session as a recorder takes it, run by run."""

from tests.store.content import Shape, header, session_tables


def rows_of(runs):
    """Of a session of so many `runs`: its header, rows of `machines`, and of `runs` with their epochs."""
    shape = Shape(1, runs)
    tables = {name: table.to_pylist() for name, table in session_tables(shape, 0).items()}
    epochs = {}
    for epoch in tables["epochs"]:
        epochs.setdefault(epoch["run_id"], []).append(epoch)
    runs = [(row, epochs.get(row["run_id"], [])) for row in tables["runs"]]
    return header(shape, 0), tables["machines"], runs
