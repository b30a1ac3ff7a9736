/*
 * assentd stands between AI agents and the people who answer for them: it receives the signed
 * webhook that tells a decision, matches it with the request that it keeps on disk, and carries out
 * what was approved.
 *
 *      the internet              operators, assentctl
 *           │ HTTP                    │ control.sock
 *     ┌─────▼───────┐          ┌──────▼───────┐
 *     │ gate public │          │ gate control │      hear, know nothing           src/gate
 *     └─────┬───────┘          └──────┬───────┘
 *           │ frames                  │
 *         ┌─▼─────────────────────────▼─┐
 *         │            core             │             remembers and decides        src/core
 *         └─────┬─────────────────┬─────┘
 *               │ frames          │ frames
 *         ┌─────▼─────┐     ┌─────▼─────┐
 *         │  runner   │     │  caller   │             act, on what they are given  src/runner
 *         └─────┬─────┘     └─────┬─────┘                                          src/caller
 *            programs       outgoing HTTP
 *
 * Each box is a process; this program is all of them. Started by a person or a service manager it
 * is the supervisor (src/supervisor), which starts itself again for each role, under the role's
 * title as argv[0], and hands it what that role may have: its sockets, its streams, its part of the
 * configuration. What every role uses is in src/base, what is pure in src/domain, the configuration
 * in src/config. No process can both hear the internet and run a command.
 *
 * docs/ARCHITECTURE.md says who trusts whom, and by which rules core and the executors talk so that
 * nothing acknowledged is lost and nothing approved runs twice.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "assent/base/descriptors.h"
#include "assent/caller/caller.h"
#include "assent/config/config.h"
#include "assent/core/core.h"
#include "assent/gate/gate.h"
#include "assent/runner/runner.h"
#include "assent/supervisor/supervisor.h"

static const char usage[] =
    "Usage: assentd [-c FILE] [--check | --dump]\n"
    "\n"
    "Receives signed approval webhooks and runs the hook that was approved.\n"
    "Stays in the foreground and logs to standard error, or to the journal under systemd.\n"
    "\n"
    "  -c, --config FILE  the configuration (default " CONFIG_DEFAULT_PATH ")\n"
    "      --check        say whether the configuration is right, and exit: 0, or 78 if not\n"
    "      --dump         print the configuration in effect, without secrets, and exit\n"
    "      --version      print the version and exit\n"
    "  -h, --help         print this and exit\n"
    "\n"
    "SIGHUP reloads the configuration, SIGTERM stops. See assentd(8), assentd.conf(5).\n";

enum mode { MODE_RUN, MODE_CHECK, MODE_DUMP };

struct options {
    const char *path; /* NULL: none was given */
    enum mode mode;
};

static int run_role(enum role role)
{
    switch (role) {
    case ROLE_GATE_PUBLIC:
    case ROLE_GATE_CONTROL:
    case ROLE_GATE_AGENT:
        return gate_main(role);
    case ROLE_CORE:
        return core_main();
    case ROLE_RUNNER:
        return runner_main();
    case ROLE_CALLER:
        return caller_main();
    case ROLE_COUNT:
        break;
    }
    return EX_USAGE;
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"dump", no_argument, NULL, 'd'},         {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->path = optarg;
            break;
        case 'k':
            options->mode = MODE_CHECK;
            break;
        case 'd':
            options->mode = MODE_DUMP;
            break;
        case 'v':
            (void)printf("assentd %s\n", ASSENT_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            (void)fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            (void)fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "assentd: unexpected argument '%s'\n\n%s", argv[optind], usage);
        return EX_USAGE;
    }
    return -1;
}

static int load(const struct options *options, struct config **ret_config)
{
    const char *path = options->path ? options->path : CONFIG_DEFAULT_PATH;
    struct config_errors errors = {0};
    int r;

    if (!options->path && access(path, F_OK) < 0) {
        (void)fprintf(
            stderr, "assentd: no configuration: looked for %s; name another with -c FILE\n", path);
        return -EINVAL;
    }
    r = config_load(path, ret_config, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        (void)fprintf(stderr, "%s\n", errors.lines[i]);
    }
    if (r < 0 && errors.count == 0) {
        (void)fprintf(stderr, "assentd: can't load %s: %s\n", path, strerror(-r));
    }
    config_errors_free(&errors);
    return r;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct config *config = NULL;
    enum role role = role_of_process(argc, argv);
    int status;

    descriptors_keep_standard_streams();
    if (role != ROLE_COUNT) {
        return run_role(role);
    }
    status = parse_options(argc, argv, &options);
    if (status >= 0) {
        return status;
    }
    if (load(&options, &config) < 0) {
        return EX_CONFIG;
    }
    if (options.mode == MODE_RUN) {
        return supervisor_run(options.path ? options.path : CONFIG_DEFAULT_PATH, config);
    }
    if (options.mode == MODE_CHECK) {
        (void)puts("ok");
    } else {
        status = config_dump(config, stdout);
    }
    config_free(config);
    return status < 0 && options.mode == MODE_DUMP ? EXIT_FAILURE : EXIT_SUCCESS;
}
