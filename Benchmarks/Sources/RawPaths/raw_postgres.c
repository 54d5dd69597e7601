#include "raw_paths.h"
#include "raw_clock.h"

#include <postgresql/libpq-fe.h>
#include <stdio.h>

static PGconn *connected(const char *url, char *error) {
    PGconn *connection = PQconnectdb(url);
    if (PQstatus(connection) == CONNECTION_OK)
        return connection;
    snprintf(error, RAW_ERROR_SIZE, "%s", PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

// Takes a result; whether it is an error.
static int failed(PGconn *connection, PGresult *result, char *error) {
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return 0;
    snprintf(error, RAW_ERROR_SIZE, "%s", PQerrorMessage(connection));
    return 1;
}

int raw_postgres_run(const char *url, const char *sql, char *error) {
    PGconn *connection = connected(url, error);
    if (connection == NULL)
        return -1;
    int outcome = failed(connection, PQexec(connection, sql), error) ? -1 : 0;
    PQfinish(connection);
    return outcome;
}

static int upsert(PGconn *connection, long number, long aggregates, char *error) {
    char id[32], version[32];
    snprintf(id, sizeof(id), "item-%ld", number % aggregates);
    snprintf(version, sizeof(version), "%ld", number / aggregates + 1);
    const char *values[] = {id, version, "{\"pieces\":7,\"note\":\"of the benchmark\"}"};
    return failed(connection, PQexecPrepared(connection, "upsert", 3, values, NULL, NULL, 0), error);
}

double raw_postgres_upserts(const char *url, long count, long aggregates, long batch, char *error) {
    PGconn *connection = connected(url, error);
    if (connection == NULL)
        return -1;
    double seconds = -1;
    if (failed(connection,
               PQexec(connection, "CREATE TABLE raw_copy (id text COLLATE \"C\" PRIMARY "
                                  "KEY, version bigint NOT NULL, data text NOT NULL) WITH (fillfactor = 70)"),
               error) ||
        failed(connection,
               PQprepare(connection, "upsert",
                         "INSERT INTO raw_copy VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET version = "
                         "excluded.version, data = excluded.data",
                         3, NULL),
               error))
        goto end;
    double start = raw_now();
    for (long number = 0; number < count; number++) {
        if (number % batch == 0 && failed(connection, PQexec(connection, "BEGIN"), error))
            goto end;
        if (upsert(connection, number, aggregates, error))
            goto end;
        if ((number % batch == batch - 1 || number == count - 1) &&
            failed(connection, PQexec(connection, "COMMIT"), error))
            goto end;
    }
    seconds = raw_now() - start;
end:
    PQfinish(connection);
    return seconds;
}
