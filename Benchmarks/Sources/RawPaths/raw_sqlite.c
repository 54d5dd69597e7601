#include "raw_paths.h"
#include "raw_clock.h"

#include <sqlite3.h>
#include <stdio.h>

static int failed(sqlite3 *database, int code, char *error) {
    if (code == SQLITE_OK || code == SQLITE_DONE)
        return 0;
    snprintf(error, RAW_ERROR_SIZE, "%s", sqlite3_errmsg(database));
    return 1;
}

static int run(sqlite3 *database, const char *sql, char *error) {
    return failed(database, sqlite3_exec(database, sql, NULL, NULL, NULL), error);
}

static int upsert(sqlite3 *database, sqlite3_stmt *statement, long number, long aggregates, char *error) {
    char id[32];
    snprintf(id, sizeof(id), "item-%ld", number % aggregates);
    sqlite3_bind_text(statement, 1, id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(statement, 2, number / aggregates + 1);
    sqlite3_bind_text(statement, 3, "{\"pieces\":7,\"note\":\"of the benchmark\"}", -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return failed(database, code, error);
}

double raw_sqlite_upserts(const char *path, long count, long aggregates, long batch, char *error) {
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    double seconds = -1;
    if (failed(database, sqlite3_open(path, &database), error))
        goto end;
    if (run(database,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE raw_copy (id TEXT PRIMARY KEY, "
            "version INTEGER NOT NULL, data TEXT NOT NULL) STRICT, WITHOUT ROWID",
            error) ||
        failed(database,
               sqlite3_prepare_v2(database,
                                  "INSERT INTO raw_copy VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET version = "
                                  "excluded.version, data = excluded.data",
                                  -1, &statement, NULL),
               error))
        goto end;
    double start = raw_now();
    for (long number = 0; number < count; number++) {
        if (number % batch == 0 && run(database, "BEGIN IMMEDIATE", error))
            goto end;
        if (upsert(database, statement, number, aggregates, error))
            goto end;
        if ((number % batch == batch - 1 || number == count - 1) && run(database, "COMMIT", error))
            goto end;
    }
    seconds = raw_now() - start;
end:
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return seconds;
}
