"""`python -m bench` is the `bench` command, less the current folder in the import path."""

from bench.import_path import leave_out_current_folder

leave_out_current_folder(started_as_module=True)

from bench.cli import main  # noqa: E402 -- what it imports must not come from the current folder

main()
