import ArgumentParser

/// `tertib`
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tertib",
        abstract: "Events in order, once each, whatever the broker and your replicas do.",
        discussion: """
            Every verb takes the configuration of one service, and --json for machines.

              tertib replicate --config shop.json            # run a replica
              tertib publish   --config shop.json --aggregate product/42 \\
                               --type product.priced --data '{"price":1200}'
              tertib status    --config shop.json            # how far is it?
              tertib explain product/42 --config shop.json   # why is it so?
              tertib audit     --config shop.json            # is all of it right?

            It ends with 0 when it is done, 1 when something is wrong or a race was lost, and 2 when the arguments \
            or the configuration cannot be used.
            """,
        version: "tertib \(TertibTool.version)",
        groupedSubcommands: [
            CommandGroup(name: "Work", subcommands: [ReplicateCommand.self, PublishCommand.self]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    StatusCommand.self, ExplainCommand.self, AuditCommand.self, WaitCommand.self, ParkedCommand.self,
                    DeadLettersCommand.self,
                ]),
            CommandGroup(
                name: "Prepare",
                subcommands: [
                    DoctorCommand.self, DescribeCommand.self, MigrateCommand.self, CompletionsCommand.self,
                ]),
        ])
}
