// The work of the bus done by the C libraries alone: what the benchmarks compare with. Every function that measures
// returns seconds, or a negative number with the reason in `error`. Not for use by two threads at once.
#pragma once
#include <stddef.h>

#define RAW_ERROR_SIZE 256

typedef struct raw_nats raw_nats;

// Connects to one server; NULL with the reason in `error`.
raw_nats *raw_nats_connect(const char *url, char *error);
void raw_nats_close(raw_nats *nats);

// Makes a stream of one subject filter on file storage. 0, or -1 with the reason in `error`.
int raw_nats_add_stream(raw_nats *nats, const char *name, const char *subjects, char *error);

// Builds a message that the next raw_nats_publish sends. 0, or -1 when there is no memory.
int raw_nats_prepare(raw_nats *nats, const char *subject, const char *const *names, const char *const *values,
                     int headers, const void *body, int length);

// Publishes all that was prepared with js_PublishMsgAsync, and waits until the stream has acknowledged everything.
double raw_nats_publish(raw_nats *nats, char *error);

// Pulls so many messages of a stream with a new durable consumer, and acknowledges each.
double raw_nats_consume(raw_nats *nats, const char *stream, const char *durable, long count, char *error);

// Runs statements. 0, or -1 with the reason in `error`.
int raw_postgres_run(const char *url, const char *sql, char *error);

// Upserts so many rows of the table raw_copy, a prepared statement a row, `batch` of them in a transaction.
double raw_postgres_upserts(const char *url, long count, long aggregates, long batch, char *error);
double raw_sqlite_upserts(const char *path, long count, long aggregates, long batch, char *error);
