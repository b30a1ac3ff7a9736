/*
 * Any bytes as a role's part of the configuration; and a real part of which a few bytes are others,
 * since hardly any bytes are one by chance. What is taken can be asked and freed.
 *
 * Input: a byte for the role, or 255 for bytes as they are; then three for each change, two for the
 * place and one for the value.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/config/config.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char text[] = "[server]\n"
                           "listen = 127.0.0.1:8787\n"
                           "max_body = 64K\n"
                           "[store]\n"
                           "path = /tmp/assentd.db\n"
                           "[service one]\n"
                           "path = /webhook\n"
                           "scheme = daimon\n"
                           "secret_file = secret\n"
                           "request_id = /payload/id\n"
                           "[action *]\n"
                           "on_granted = program, text, call\n"
                           "expires_in = 5m\n"
                           "require_approval_if = len(context.list) > 100 or urgency == 'high'\n"
                           "max_per_day = 5\n"
                           "[hook program]\n"
                           "exec = /bin/echo --id={request_id} -- \"{context.a.b|none}\"\n"
                           "env = NAME=value\n"
                           "[hook text]\n"
                           "shell = echo hello\n"
                           "umask = 022\n"
                           "[hook call]\n"
                           "http = POST https://hooks.example.com/{request_id}\n"
                           "header = X-Key: {job.key}\n"
                           "body = {\"text\": \"{action} {decided_by|nobody}\"}\n"
                           "bearer_file = secret\n"
                           "expect = 200-299, 404\n";

static struct buffer parts[ROLE_COUNT];

static void write_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    (void)close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char directory[] = "/tmp/assent-fuzz-XXXXXX";
    char path[64];
    char secret[64];
    struct config_errors errors = {0};
    struct config *config;

    (void)argc;
    (void)argv;
    assert(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/assentd.conf", directory);
    (void)snprintf(secret, sizeof secret, "%s/secret", directory);
    write_file(path, text);
    write_file(secret, "whsec_a-secret-of-the-tests");
    if (config_load(path, &config, &errors) < 0) {
        (void)fprintf(stderr, "%s\n", errors.count > 0 ? errors.lines[0] : "not loaded");
        abort();
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert(config_pack(config, (enum role)role, &parts[role]) == 0);
    }
    config_free(config);
    (void)unlink(path);
    (void)unlink(secret);
    (void)rmdir(directory);
    return 0;
}

static void unpack(const unsigned char *bytes, size_t length)
{
    struct config *config;

    if (config_unpack(bytes, length, &config) == 0) {
        (void)config_action(config, "any");
        (void)config_hook(config, "program");
        (void)config_service(config, "daimon");
        config_free(config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct buffer *part;
    struct buffer changed = {0};

    if (length == 0) {
        return 0;
    }
    if (bytes[0] == UINT8_MAX) {
        unpack(bytes + 1, length - 1);
        return 0;
    }
    part = &parts[bytes[0] % ROLE_COUNT];
    assert(buffer_append(&changed, part->data, part->length) == 0);
    for (size_t i = 1; i + 2 < length; i += 3) {
        changed.data[(size_t)(bytes[i] | bytes[i + 1] << 8) % changed.length] = bytes[i + 2];
    }
    unpack(changed.data, changed.length);
    buffer_free(&changed);
    return 0;
}
