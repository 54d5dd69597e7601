import TertibConfiguration

/// What a configuration of any bytes does: it is read, or refused with a place and a reason for each problem.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfiguration(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    do {
        _ = try ServiceConfiguration.read(bytes, file: "fuzz.json", directory: "/nonexistent")
    } catch {
        precondition(!error.problems.isEmpty, "refused without a problem")
        precondition(error.problems.allSatisfy { !$0.problem.isEmpty && !$0.reason.isEmpty }, "a problem without words")
    }
    return 0
}
