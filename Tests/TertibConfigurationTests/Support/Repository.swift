/// Finds the repository's files from where this file was compiled.
enum Repository {
    /// The complete path of a file of the repository.
    static func path(_ relative: String) -> String {
        let here: StaticString = #filePath
        return "/" + "\(here)".split(separator: "/").dropLast(4).joined(separator: "/") + "/" + relative
    }
}
