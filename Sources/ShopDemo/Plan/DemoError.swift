public import TertibLab

/// Why the demo could not run, in three lines.
public typealias DemoError = LabError
