// Debian's libpq-dev (15 and later). No logic lives here: TertibPostgres is the only importer.
#pragma once
#include <libpq-fe.h>
