import ShopService
import TertibLab

/// All replicas: of the three services, and of the two wrong ways beside them.
struct Fleet: Sendable {
    private struct Seat: Hashable {
        let role: Role
        let replica: Int
    }
    private let processes: [Seat: ManagedProcess]

    /// Creates the replicas; ``run()`` starts them.
    init(options: DemoOptions, plan: DemoPlan, workspace: Workspace, tally: Tally) throws {
        var processes: [Seat: ManagedProcess] = [:]
        for role in Role.allCases {
            for replica in 0..<options.replicas {
                let name = "\(role.rawValue)-\(replica + 1)"
                let arguments = Self.arguments(of: role, plan, workspace)
                processes[Seat(role: role, replica: replica)] = try ManagedProcess(
                    name: name,
                    program: ManagedProcess.Program(path: "\(options.programFolder)/\(role.program)") { _ in
                        arguments
                    }, logFile: workspace.path("\(name).log"),
                    hear: { line, start in tally.hear(line, from: name, start: start) })
            }
        }
        self.processes = processes
    }

    /// Runs all of them until they are asked to end.
    func run() async throws {
        try await withThrowingTaskGroup { group in
            for process in processes.values { group.addTask { try await process.run() } }
            while try await group.next() != nil {}  // the first error ends the others
        }
    }

    /// `kill -9` of a service's replica, and of its neighbours on the wrong ways. Returns whether the service's replica
    /// was there to be killed.
    func kill(_ role: Role, replica: Int, restartingAfter pause: Duration) -> Bool {
        for way in Role.wrongWays {
            processes[Seat(role: way, replica: replica)]?.kill(restartingAfter: pause)
        }
        return processes[Seat(role: role, replica: replica)]?.kill(restartingAfter: pause) ?? false
    }

    /// SIGTERM for all of some roles.
    func end(_ roles: [Role]) {
        for (seat, process) in processes where roles.contains(seat.role) { process.end() }
    }

    /// The services' replicas that did not exit with 0 after SIGTERM.
    var endedBadly: [String] {
        processes.filter { Role.services.contains($0.key.role) }.flatMap(\.value.badEnds).sorted()
    }

    private static func arguments(of role: Role, _ plan: DemoPlan, _ workspace: Workspace) -> [String] {
        let common = ["--config", workspace.path(role.file), "--supervised"]
        func load(rate: Int) -> [String] {
            let workload = plan.workload
            return ["--load", "\(workload.events)", "--seed", "\(workload.seed)", "--rate", "\(rate)"]
        }
        return switch role {
        case .catalog: common + load(rate: plan.catalogRate)
        case .orders: common + load(rate: plan.ordersRate)
        case .payments: common
        case .lastWriteWins, .versionCheck: common + ["--way", role.rawValue]
        }
    }
}
