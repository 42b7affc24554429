/* bench_peer: pipes to and from a child. */
#include "tests/support/bench_peer.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

void peer_start(struct peer *peer, const char *command)
{
    int to[2], from[2];
    *peer = (struct peer){0};
    if (!command || !*command)
        return;
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        perror("a pipe to a peer");
        exit(1);
    }
    if (fork() == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    peer->to = fdopen(to[1], "w");
    peer->from = fdopen(from[0], "r");
}

bool peer_is_there(const struct peer *peer)
{
    return peer->to != NULL;
}

double peer_ask(struct peer *peer, const char *format, ...)
{
    double seconds = NAN;
    va_list arguments;
    if (!peer_is_there(peer))
        return seconds;
    va_start(arguments, format);
    vfprintf(peer->to, format, arguments);
    va_end(arguments);
    fputc('\n', peer->to);
    fflush(peer->to);
    if (fscanf(peer->from, "%lf", &seconds) != 1) {
        fprintf(stderr, "the peer ended early\n");
        exit(1);
    }
    return seconds;
}
