/// Checks JSON text (RFC 8259) without building anything from it.
///
/// Stricter than the RFC asks of a parser where leniency would let two readers see two different things: the text is
/// valid UTF-8, without a byte order mark, and an escaped surrogate has its other half. Repeated keys are allowed.
/// It does not recurse, and no input makes it trap.
public struct JSONScanner {
    /// Checks that `bytes` are one JSON value of at most `depthLimit` levels of arrays and objects.
    /// - Throws: ``JSONSyntaxError``, with the first thing that is wrong.
    public static func check(_ bytes: [UInt8], depthLimit: Int) throws(JSONSyntaxError) {
        var tokenizer = JSONTokenizer(bytes, depthLimit: depthLimit)
        while try tokenizer.next() != nil {}
    }
}
