/* bench_peer: a program beside which a bench runs ours. It is started once and answers one line with processor seconds to every
 * line it is sent, so that ours and the peer can run in turns and whatever slows the machine slows both. */
#ifndef HWNAS_TESTS_SUPPORT_BENCH_PEER_H
#define HWNAS_TESTS_SUPPORT_BENCH_PEER_H

#include <stdbool.h>
#include <stdio.h>

struct peer {
    FILE *to, *from; /* NULL: there is no peer */
};

/* Starts a command of the shell; with NULL or an empty one there is no peer. It ends when this process does. Exits on failure. */
void peer_start(struct peer *peer, const char *command);

bool peer_is_there(const struct peer *peer);

/* Sends a line and waits for the seconds that come back; NAN without a peer. Exits where the peer ends early. */
double peer_ask(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
