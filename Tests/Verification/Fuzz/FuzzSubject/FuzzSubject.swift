import TertibCore

/// What a subject of any bytes does: it has exactly one spelling, and an id of any bytes has exactly one subject.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSubject(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    guard let mapping else { return 0 }
    if let aggregate = try? mapping.aggregate(of: text) {
        precondition(mapping.subject(of: aggregate).utf8.elementsEqual(text.utf8), "two spellings of one subject")
    }
    if let aggregate = try? Aggregate(parsing: text) {
        let subject = mapping.subject(of: aggregate)
        precondition((try? mapping.aggregate(of: subject)) == aggregate, "the subject names another aggregate")
        precondition(
            !subject.utf8.contains { $0 <= 0x20 || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: ">") || $0 > 0x7E },
            "the subject has a byte that means something to the broker")
    }
    return 0
}

private let mapping = (try? Namespace("shop")).map(SubjectMapping.init(namespace:))
