/// One of the product's machines with what it has done so far: a transaction, or a relay's round. It does not change, so
/// that many states may have it.
protocol Execution: AnyObject {
    associatedtype Answer: Hashable
    associatedtype Beginning: Hashable

    /// What tells executions apart that begin, or begin again: those with the same one are the same from here on. `nil`
    /// within an execution.
    var beginning: Beginning? { get }

    /// How it goes on after the answer to its last call, up to its next call or its end.
    func resumed(after answer: Answer) -> Self
}

/// All executions that a world has seen, each as its next call and how it goes on after each answer.
///
/// What a machine does next is a function of what it is about and of the answers so far. So each continuation is computed
/// once, by stepping a copy of the machine; from then on a step of the world is a look into the tree. A state holds the
/// number of a node in place of the machine.
struct ExecutionTree<Value: Execution> {
    private struct Node {
        let value: Value
        var children: [(answer: Value.Answer, node: UInt32)] = []
    }

    private var nodes: [Node] = []
    private var beginnings: [Value.Beginning: UInt32] = [:]

    /// The number that stands for "nothing runs".
    static var none: UInt32 { 0 }

    var count: Int { nodes.count }

    subscript(node: UInt32) -> Value { nodes[Int(node) - 1].value }

    /// Adds an execution, unless there is one that begins in the same way.
    mutating func add(_ value: Value) -> UInt32 {
        if let beginning = value.beginning, let known = beginnings[beginning] { return known }
        nodes.append(Node(value: value))
        let node = UInt32(nodes.count)
        if let beginning = value.beginning { beginnings[beginning] = node }
        return node
    }

    /// How an execution goes on after an answer.
    mutating func child(of node: UInt32, after answer: Value.Answer) -> UInt32 {
        for child in nodes[Int(node) - 1].children where child.answer == answer { return child.node }
        let child = add(nodes[Int(node) - 1].value.resumed(after: answer))
        nodes[Int(node) - 1].children.append((answer, child))
        return child
    }
}

/// Numbers for values, so that a state holds a few bits in place of a row: equal values have the same number, from 1 on.
struct NumberedValues<Value: Hashable> {
    private var values: [Value] = []
    private var numbers: [Value: UInt16] = [:]

    subscript(number: UInt16) -> Value? { number == 0 ? nil : values[Int(number) - 1] }

    mutating func number(of value: Value) -> UInt16 {
        if let number = numbers[value] { return number }
        values.append(value)
        let number = UInt16(values.count)
        numbers[value] = number
        return number
    }
}
