"""The trials, one a module; each has `run(bench)`, which raises `TrialFailed` or returns what it measured."""
