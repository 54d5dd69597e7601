import TertibRuntime
import TertibCLI
import TertibCore

/// What a file of events of any bytes does: each line is an event or has a problem, and an event's data is JSON that the
/// wire accepts.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEventLines(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let (events, problems) = EventLineReader.read(lines: bytes)
    let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
    precondition(events.count + problems.count <= lines, "more outcomes than lines")
    precondition(problems.allSatisfy { (1...lines).contains($0.line) && !$0.problem.isEmpty }, "a problem of no line")
    for event in events {
        precondition(
            (try? JSONScanner.check(event.event.body, depthLimit: WireCodec.depthLimit)) != nil,
            "the data is not JSON")
    }
    return 0
}
