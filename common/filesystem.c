/* filesystem: the file systems of Linux by their numbers, those of linux/magic.h and statfs(2), some of which are in no header.
 * Called by the store, which refuses some, and by the doctor, who speaks of all. */
#include "common/filesystem.h"

#include <stddef.h>

struct filesystem filesystem_of(unsigned long type)
{
    static const struct {
        unsigned long type;
        struct filesystem is;
    } known[] = {
        {0xef53, {"ext4", FILESYSTEM_LOCAL}},         {0x58465342, {"XFS", FILESYSTEM_LOCAL}},
        {0x9123683e, {"btrfs", FILESYSTEM_LOCAL}},    {0x2fc12fc1, {"ZFS", FILESYSTEM_LOCAL}},
        {0xf2f52010, {"F2FS", FILESYSTEM_LOCAL}},     {0xca451a4e, {"bcachefs", FILESYSTEM_LOCAL}},
        {0x6969, {"NFS", FILESYSTEM_NETWORK}},        {0x517b, {"SMB", FILESYSTEM_NETWORK}},
        {0xfe534d42, {"SMB", FILESYSTEM_NETWORK}},    {0xff534d42, {"CIFS", FILESYSTEM_NETWORK}},
        {0x73757245, {"Coda", FILESYSTEM_NETWORK}},   {0x5346414f, {"AFS", FILESYSTEM_NETWORK}},
        {0x6b414653, {"AFS", FILESYSTEM_NETWORK}},    {0x00c36400, {"Ceph", FILESYSTEM_NETWORK}},
        {0x564c, {"NCP", FILESYSTEM_NETWORK}},        {0x7461636f, {"OCFS2", FILESYSTEM_NETWORK}},
        {0x01161970, {"GFS2", FILESYSTEM_NETWORK}},   {0x0bd00bd0, {"Lustre", FILESYSTEM_NETWORK}},
        {0x19830326, {"BeeGFS", FILESYSTEM_NETWORK}}, {0x47504653, {"Spectrum Scale", FILESYSTEM_NETWORK}},
        {0x65735546, {"FUSE", FILESYSTEM_SHARED}},    {0x01021997, {"9P", FILESYSTEM_SHARED}},
        {0x786f4256, {"vboxsf", FILESYSTEM_SHARED}},  {0x794c7630, {"overlay", FILESYSTEM_LAYER}},
        {0x61756673, {"aufs", FILESYSTEM_LAYER}},     {0x01021994, {"tmpfs", FILESYSTEM_MEMORY}},
        {0x858458f6, {"ramfs", FILESYSTEM_MEMORY}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].type == (type & 0xffffffff))
            return known[i].is;
    return (struct filesystem){"unknown", FILESYSTEM_UNKNOWN};
}
