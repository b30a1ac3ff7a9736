#include "integration/broken_config.h"

#include <stddef.h>

const char broken_config[] = "[server]\n"
                             "listen = 127.0.0.1:%PORT%\n"
                             "max_body = much\n"
                             "[control]\n"
                             "socket = control.sock\n"
                             "[store]\n"
                             "path = %DIR%/state/assentd.db\n"
                             "retention = 1d\n"
                             "retention = 2d\n"
                             "[service daimon]\n"
                             "path = /webhook/approval\n"
                             "scheme = daimon\n"
                             "secret_file = missing-secret\n"
                             "[action note]\n"
                             "on_granted = nobody\n"
                             "[hok note]\n";

const char *const broken_places[] = {
    "assentd.conf:3: [server] max_body: ",
    "assentd.conf:5: [control] socket: ",
    "assentd.conf:9: [store] retention: ",
    "assentd.conf:13: [service daimon] secret_file: ",
    "assentd.conf:15: [action note] on_granted: ",
    "assentd.conf:16: [hok note]: ",
    NULL,
};
