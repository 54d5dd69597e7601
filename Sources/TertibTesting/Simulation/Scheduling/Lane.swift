/// One of the parties of a simulation, such as a replica: its tasks run on this executor, so that the scheduler knows
/// whose job it runs and can let a whole party stand still.
///
/// `@unchecked Sendable`: the scheduler's fields are touched by the thread that has the baton alone.
final class Lane: TaskExecutor, @unchecked Sendable {
    let number: Int
    let name: String
    private unowned let scheduler: SeededScheduler
    /// Until when nothing of it runs, like a process that was sent SIGSTOP.
    var pausedUntil: Duration = .zero

    init(number: Int, name: String, scheduler: SeededScheduler) {
        self.number = number
        self.name = name
        self.scheduler = scheduler
    }

    func enqueue(_ job: consuming ExecutorJob) {
        scheduler.enqueue(UnownedJob(job), on: self)
    }

    func run(_ job: UnownedJob) {
        job.runSynchronously(on: asUnownedTaskExecutor())
    }
}
