// Debian's libnats-dev (3.4.1 and later). No logic lives here: TertibJetStream is the only importer.
#pragma once
#include <nats/nats.h>
