/// A picture in the making: elements are added from back to front. Colours are names of the style, so that one picture
/// is readable on light and on dark ground.
struct SVG {
    private let width: Double
    private let height: Double
    private let title: String
    private var body = ""

    /// - Parameter title: what a screen reader says.
    init(width: Double, height: Double, title: String) {
        self.width = width
        self.height = height
        self.title = title
    }

    /// Where a text stands relative to its point.
    enum Anchor: String {
        case start, middle, end
    }

    /// A point.
    typealias Point = (x: Double, y: Double)

    mutating func line(_ from: Point, _ to: Point, style: String) {
        body +=
            "<line x1=\"\(Self.number(from.x))\" y1=\"\(Self.number(from.y))\" x2=\"\(Self.number(to.x))\" "
            + "y2=\"\(Self.number(to.y))\" class=\"\(style)\"/>\n"
    }

    mutating func polyline(_ points: [Point], style: String) {
        body += "<polyline points=\"\(Self.list(points))\" class=\"\(style)\"/>\n"
    }

    mutating func polygon(_ points: [Point], style: String) {
        body += "<polygon points=\"\(Self.list(points))\" class=\"\(style)\"/>\n"
    }

    /// - Parameter hint: what is shown when something points at it.
    mutating func rectangle(
        _ origin: Point, width: Double, height: Double, radius: Double = 0, style: String, hint: String? = nil
    ) {
        let end = hint.map { "><title>\(Self.escaped($0))</title></rect>" } ?? "/>"
        body +=
            "<rect x=\"\(Self.number(origin.x))\" y=\"\(Self.number(origin.y))\" width=\"\(Self.number(width))\" "
            + "height=\"\(Self.number(height))\" rx=\"\(Self.number(radius))\" class=\"\(style)\"\(end)\n"
    }

    mutating func circle(_ center: Point, radius: Double, style: String) {
        body +=
            "<circle cx=\"\(Self.number(center.x))\" cy=\"\(Self.number(center.y))\" r=\"\(Self.number(radius))\" "
            + "class=\"\(style)\"/>\n"
    }

    mutating func text(_ text: String, at point: Point, anchor: Anchor = .start, style: String, turned: Bool = false) {
        let turn = turned ? " transform=\"rotate(-90 \(Self.number(point.x)) \(Self.number(point.y)))\"" : ""
        body +=
            "<text x=\"\(Self.number(point.x))\" y=\"\(Self.number(point.y))\" text-anchor=\"\(anchor.rawValue)\" "
            + "class=\"\(style)\"\(turn)>\(Self.escaped(text))</text>\n"
    }

    /// The document; `style` is its CSS.
    func document(style: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(width)) \(Self.number(height))" \
        width="\(Self.number(width))" role="img" aria-label="\(Self.escaped(title))">
        <title>\(Self.escaped(title))</title>
        <style>
        \(style)
        </style>
        \(body)</svg>

        """
    }

    /// Text for XML and HTML.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n", "\t": escaped += " "
            case _ where scalar.value < 32: escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A coordinate with at most one digit after the point.
    static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths.isMultiple(of: 10) ? String(tenths / 10) : String(Double(tenths) / 10)
    }

    private static func list(_ points: [Point]) -> String {
        points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    }
}

/// The colours and strokes of all pictures, for light and dark ground.
enum PictureStyle {
    static let common = """
        svg { --ink: #1f2328; --soft: #59636e; --grid: #d1d9e0; --ground: #ffffff; --a: #cf222e; --b: #bc6a00; \
        --c: #0969da; --d: #8250df; background: var(--ground); font-family: system-ui, sans-serif; }
        @media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --soft: #9198a1; --grid: #30363d; \
        --ground: #0d1117; --a: #ff7b72; --b: #e3b341; --c: #58a6ff; --d: #bc8cff; } }
        .ground { fill: var(--ground); }
        .title { font-size: 17px; font-weight: 600; fill: var(--ink); }
        .head { font-size: 13px; font-weight: 600; fill: var(--ink); }
        .label { font-size: 12px; fill: var(--soft); }
        .small { font-size: 11px; fill: var(--soft); }
        .axis { stroke: var(--soft); stroke-width: 1; }
        .grid { stroke: var(--grid); stroke-width: 1; }
        """
}

/// Even steps for an axis.
enum Ticks {
    /// At most about six round numbers from 0 to `most`.
    static func upTo(_ most: Double) -> [Double] {
        guard most > 0 else { return [0] }
        var step = 1.0
        while most / step > 6 {
            let digits = step.significand10
            step = digits == 2 ? step * 2.5 : step * 2
        }
        while most / step < 3, step > 0.01 { step /= 2 }
        return Array(stride(from: 0, through: most + step * 0.001, by: step))
    }
}

extension Double {
    /// The first digit: steps are 1, 2 and 5 times a power of ten.
    fileprivate var significand10: Int {
        var value = self
        while value >= 10 { value /= 10 }
        return Int(value)
    }
}
