/// Where a password is kept; never the password itself.
public enum PasswordSource: Hashable, Sendable {
    /// A file whose one line it is. It is read for every connection, so that a new one takes effect by itself.
    case file(String)
    /// A variable of the process's environment whose value it is. It is read when the database is opened.
    case environment(String)
}
