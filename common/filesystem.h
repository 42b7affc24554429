/* filesystem: what a file system is to a database: local, or something where its locks, its syncs or its days are not to be counted
 * on. */
#ifndef HWNAS_COMMON_FILESYSTEM_H
#define HWNAS_COMMON_FILESYSTEM_H

enum filesystem_kind {
    FILESYSTEM_LOCAL,
    FILESYSTEM_NETWORK, /* locks and syncs are not to be trusted: no database is opened there */
    FILESYSTEM_SHARED,  /* it depends on what stands behind it: FUSE, a host's folder in a virtual machine */
    FILESYSTEM_LAYER,   /* of a container: it goes when the container goes */
    FILESYSTEM_MEMORY,  /* it goes when the machine is switched off */
    FILESYSTEM_UNKNOWN
};

struct filesystem {
    const char *name; /* "NFS"; lives for ever */
    enum filesystem_kind kind;
};

/* By the number that statfs(2) gives as f_type, with whatever sign. */
struct filesystem filesystem_of(unsigned long type);

#endif
