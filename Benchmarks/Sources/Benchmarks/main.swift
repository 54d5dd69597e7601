import Foundation

do {
    let options = try BenchmarkOptions(Array(CommandLine.arguments.dropFirst()))
    let measurements = try await BenchmarkRun(options: options).measure()
    print(options.isJSON ? try Report(measurements).json : Report(measurements).table)
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(error is UnusableArguments ? 2 : 1)
}
