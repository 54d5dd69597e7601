/// A text that must not be seen: it prints as `<redacted>`, in every way that Swift prints values.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    /// What is printed.
    public static let redacted = "<redacted>"

    /// Wraps a text.
    public init(_ text: String) {
        self.text = text
    }

    /// The text itself, for the one call that needs it.
    public func reveal() -> String { text }

    /// `<redacted>`
    public var description: String { Self.redacted }

    /// `<redacted>`
    public var debugDescription: String { Self.redacted }

    /// Has no children, so that `dump` shows nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
