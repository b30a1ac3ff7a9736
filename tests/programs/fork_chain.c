/*
 * A program that is always another process: it leaves its session, forks and exits, and so does its
 * child, so that whoever looks for it finds the one before. For a while: a test that fails shall end.
 *
 *   fork_chain HOPS
 *
 * Ignores SIGTERM.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long hops = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

    (void)signal(SIGTERM, SIG_IGN);
    for (long hop = 0; hop < hops; hop++) {
        if (fork() != 0) {
            _exit(EXIT_SUCCESS);
        }
        (void)setsid();
    }
    return EXIT_SUCCESS;
}
