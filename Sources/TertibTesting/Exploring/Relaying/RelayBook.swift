import Logging
import TertibRuntime
import TertibCore

/// All rounds that the relays of a world have met, each as the calls it makes and how it goes on after each answer.
///
/// A round is `async`, but in this world nothing makes it wait: log and store answer at once, or end it. So its real code
/// runs to its end, or to the first call that has no answer, on a queue of jobs that the calling thread works off; each
/// continuation is worked out once, by running the round again from its beginning with one answer more.
final class RelayBook {
    /// How a round has ended.
    enum End: Hashable {
        case finished(published: Int)
        case failed(String)
    }

    struct Node {
        let answers: [RelayAnswer]
        fileprivate(set) var call: RelayCall?
        fileprivate(set) var end: End?
        fileprivate var children: [RelayAnswer: Int] = [:]
    }

    private let vocabulary: ExplorerVocabulary
    private let world: RelayWorld
    /// The first one stands for "no round", the second for the beginning of each.
    private(set) var nodes: [Node] = []

    static let root = 1

    init(_ vocabulary: ExplorerVocabulary, _ world: RelayWorld) {
        self.vocabulary = vocabulary
        self.world = world
        nodes.append(Node(answers: []))
        _ = add([])
    }

    /// How the round goes on after an answer.
    func child(of node: Int, after answer: RelayAnswer) -> Int {
        if let child = nodes[node].children[answer] { return child }
        let child = add(nodes[node].answers + [answer])
        nodes[node].children[answer] = child
        return child
    }

    private func add(_ answers: [RelayAnswer]) -> Int {
        let script = RelayScript(vocabulary, answers: answers)
        let relay = SteppedRelay(
            log: script, store: script, codec: vocabulary.codec,
            context: RuntimeContext(
                time: script, random: { 1 << 63 },
                logger: Logger(label: "explorer", factory: { _ in SwiftLogNoOpLogHandler() })),
            inFlight: world.inFlight)
        let end = DrivenExecutor.run { () async -> End in
            do {
                return .finished(published: try await relay.pass())
            } catch {
                return .failed("\(error)")
            }
        }
        var node = Node(answers: answers)
        node.call = script.pending
        if script.pending == nil { node.end = end ?? .failed("it waits for what is not in this world") }
        nodes.append(node)
        return nodes.count - 1
    }
}

/// Runs an asynchronous function on the calling thread, job by job.
///
/// `@unchecked Sendable`: all jobs run on that thread, and only they add others.
private final class DrivenExecutor: TaskExecutor, @unchecked Sendable {
    private var jobs: [UnownedJob] = []

    func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    /// - Returns: what `body` returns; `nil` when it waits for something outside of its own jobs.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) -> Result? {
        let executor = DrivenExecutor()
        let box = Box<Result>()
        // Unstructured, because a synchronous caller waits for it: it is over when the queue is empty.
        let task = Task(executorPreference: executor) { box.result = await body() }
        var next = 0
        while next < executor.jobs.count {
            executor.jobs[next].runSynchronously(on: executor.asUnownedTaskExecutor())
            next += 1
        }
        if box.result == nil { task.cancel() }
        return box.result
    }

    /// `@unchecked Sendable`: the jobs run on the thread that reads it.
    private final class Box<Result>: @unchecked Sendable {
        var result: Result?
    }
}
