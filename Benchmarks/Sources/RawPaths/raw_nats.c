#include "raw_paths.h"
#include "raw_clock.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

// How many messages one pull asks for.
enum { PULL = 1000 };

struct raw_nats {
    natsConnection *connection;
    jsCtx *context;
    natsMsg **messages;
    size_t count;
    size_t capacity;
};

static int failed(natsStatus status, const char *attempted, char *error) {
    if (status == NATS_OK)
        return 0;
    snprintf(error, RAW_ERROR_SIZE, "could not %s: %s", attempted, natsStatus_GetText(status));
    return 1;
}

raw_nats *raw_nats_connect(const char *url, char *error) {
    raw_nats *nats = calloc(1, sizeof(*nats));
    if (nats == NULL)
        return NULL;
    natsStatus status = natsConnection_ConnectTo(&nats->connection, url);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&nats->context, nats->connection, NULL);
    if (!failed(status, "connect to nats-server", error))
        return nats;
    raw_nats_close(nats);
    return NULL;
}

void raw_nats_close(raw_nats *nats) {
    for (size_t index = 0; index < nats->count; index++)
        natsMsg_Destroy(nats->messages[index]);
    free(nats->messages);
    jsCtx_Destroy(nats->context);
    natsConnection_Destroy(nats->connection);
    free(nats);
}

int raw_nats_add_stream(raw_nats *nats, const char *name, const char *subjects, char *error) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char *filters[] = {subjects};
    config.Name = name;
    config.Subjects = filters;
    config.SubjectsLen = 1;
    config.AllowDirect = true;
    config.Discard = js_DiscardNew;
    return failed(js_AddStream(NULL, nats->context, &config, NULL, NULL), "make a stream", error) ? -1 : 0;
}

int raw_nats_prepare(raw_nats *nats, const char *subject, const char *const *names, const char *const *values,
                     int headers, const void *body, int length) {
    if (nats->count == nats->capacity) {
        size_t capacity = nats->capacity == 0 ? 1024 : nats->capacity * 2;
        natsMsg **grown = realloc(nats->messages, capacity * sizeof(*grown));
        if (grown == NULL)
            return -1;
        nats->messages = grown;
        nats->capacity = capacity;
    }
    natsMsg *message = NULL;
    if (natsMsg_Create(&message, subject, NULL, body, length) != NATS_OK)
        return -1;
    for (int index = 0; index < headers; index++) {
        if (natsMsgHeader_Set(message, names[index], values[index]) != NATS_OK) {
            natsMsg_Destroy(message);
            return -1;
        }
    }
    nats->messages[nats->count++] = message;
    return 0;
}

double raw_nats_publish(raw_nats *nats, char *error) {
    double start = raw_now();
    for (size_t index = 0; index < nats->count; index++) {
        natsStatus status = js_PublishMsgAsync(nats->context, &nats->messages[index], NULL);
        if (failed(status, "publish", error))
            return -1;
    }
    nats->count = 0;
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 120000;
    if (failed(js_PublishAsyncComplete(nats->context, &options), "wait for the acknowledgements", error))
        return -1;
    natsMsgList refused = {0};
    if (js_PublishAsyncGetPendingList(&refused, nats->context) == NATS_OK && refused.Count > 0) {
        natsMsgList_Destroy(&refused);
        snprintf(error, RAW_ERROR_SIZE, "some messages were not acknowledged");
        return -1;
    }
    return raw_now() - start;
}

double raw_nats_consume(raw_nats *nats, const char *stream, const char *durable, long count, char *error) {
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = stream;
    options.Config.MaxAckPending = 20000;
    natsSubscription *subscription = NULL;
    natsStatus status =
        js_PullSubscribe(&subscription, nats->context, ">", durable, NULL, &options, NULL);
    if (failed(status, "subscribe", error))
        return -1;
    double start = raw_now();
    long received = 0;
    while (received < count) {
        natsMsgList list = {0};
        status = natsSubscription_Fetch(&list, subscription, PULL, 10000, NULL);
        if (failed(status, "pull", error))
            break;
        for (int index = 0; index < list.Count; index++)
            natsMsg_Ack(list.Msgs[index], NULL);
        received += list.Count;
        natsMsgList_Destroy(&list);
    }
    natsConnection_Flush(nats->connection);
    double seconds = raw_now() - start;
    natsSubscription_Destroy(subscription);
    return received < count ? -1 : seconds;
}
