import TertibCore

/// Rows and columns for people. On a terminal the lines fit its width: the columns that may shrink are cut.
package struct Table {
    /// One column.
    package struct Column {
        package var title: String
        package var isNumber = false
        /// The narrowest it may become; `nil` when it may not shrink at all.
        package var shrinksTo: Int?

        package static func text(_ title: String, shrinksTo limit: Int? = nil) -> Column {
            Column(title: title, shrinksTo: limit)
        }

        package static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    /// One field.
    package struct Cell {
        package var text: String
        package var style: TextStyle

        /// A cell; whatever is harmful in the text is escaped.
        package init(_ text: String, _ style: TextStyle = .plain) {
            self.text = SafeText.escaped(text)
            self.style = style
        }
    }

    package let columns: [Column]
    private(set) var rows: [[Cell]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row with a cell a column.
    package mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "a cell a column")
        rows.append(cells)
    }

    private static let gap = "  "

    /// The lines: the titles, then the rows.
    package func lines(for terminal: Terminal) -> [String] {
        let widths = self.widths(fitting: terminal.width)
        let titles = columns.map { Cell($0.title.uppercased(), .faint) }
        return ([titles] + rows).map { cells in
            var line = ""
            for (index, cell) in cells.enumerated() {
                let text = DisplayText.cut(cell.text, to: widths[index])
                let padding = String(repeating: " ", count: max(0, widths[index] - DisplayText.width(text)))
                let styled = cell.style.apply(text, on: terminal)
                if index > 0 { line += Self.gap }
                if columns[index].isNumber {
                    line += padding + styled
                } else {
                    line += index == cells.count - 1 ? styled : styled + padding
                }
            }
            return line
        }
    }

    /// The width of each column: its widest cell, less what does not fit, taken from the widest that may shrink.
    private func widths(fitting limit: Int?) -> [Int] {
        var widths = columns.indices.map { index in
            rows.reduce(DisplayText.width(columns[index].title)) { max($0, DisplayText.width($1[index].text)) }
        }
        guard let limit else { return widths }
        let room = limit - Self.gap.count * (columns.count - 1)
        shrink(&widths, to: room) { columns[$0].shrinksTo }
        // A terminal that is too narrow even so gets something of every column.
        shrink(&widths, to: room) { _ in 3 }
        return widths
    }

    /// Takes columns from the widest that may shrink, as long as they do not fit and there is one.
    private func shrink(_ widths: inout [Int], to room: Int, least: (Int) -> Int?) {
        var excess = widths.reduce(0, +) - room
        while excess > 0 {
            let shrinkable = widths.indices.filter { index in least(index).map { widths[index] > $0 } ?? false }
            guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { return }
            widths[widest] -= 1
            excess -= 1
        }
    }
}
