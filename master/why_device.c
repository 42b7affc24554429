/* why_device: measurements that wait, and for what: the print of `hwnas device why`. Part of why. */
#include <stdlib.h>
#include <string.h>

#include "master/look_text.h"
#include "master/report.h"
#include "master/why.h"

static struct why_device *find_device(const struct why_measurements *all, const char *device)
{
    for (size_t i = 0; i < all->device_count; i++)
        if (strcmp(all->devices[i].device, device) == 0)
            return &all->devices[i];
    return NULL;
}

static struct why_device *add_device(struct why_measurements *all, const char *device)
{
    struct why_device *grown = realloc(all->devices, (all->device_count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    all->devices = grown;
    struct why_device *added = &grown[all->device_count++];
    memset(added, 0, sizeof *added);
    snprintf(added->device, sizeof added->device, "%s", device);
    return added;
}

enum status_code why_measurement_add(struct why_measurements *all, const char *arch, const char *key, const char *device,
                                     struct status *status)
{
    if (all->count == all->room) {
        size_t room = 2 * all->room + 32;
        struct why_waiting *grown = realloc(all->list, room * sizeof *grown);
        if (grown == NULL)
            return status_set(status, STATUS_NO_MEMORY, "no memory for %zu waiting measurements", room);
        all->list = grown;
        all->room = room;
    }
    struct why_device *its = find_device(all, device);
    if (its == NULL && (its = add_device(all, device)) == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the devices that are waited for");
    its->count++;
    struct why_waiting *added = &all->list[all->count++];
    snprintf(added->arch, sizeof added->arch, "%s", arch);
    snprintf(added->key, sizeof added->key, "%s", key);
    snprintf(added->device, sizeof added->device, "%s", device);
    return STATUS_OK;
}

void why_measurements_free(struct why_measurements *all)
{
    free(all->list);
    free(all->devices);
    *all = (struct why_measurements){.list = NULL};
}

/* How many of each device have been printed so far, in the order of all->devices; NULL without memory. */
static size_t *counters(const struct why_measurements *all)
{
    return calloc(all->device_count + 1, sizeof(size_t));
}

static enum status_code print_json(const struct why_measurements *all, const char *study, size_t *before, FILE *out,
                                   struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < all->count; i++) {
        const struct why_waiting *waiting = &all->list[i];
        const struct why_device *device = find_device(all, waiting->device);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:I,s:o}", "arch", waiting->arch, "device", waiting->device, "key",
                                              waiting->key, "before", (json_int_t)before[device - all->devices]++, "waits_for",
                                              look_text_string(device->waits_for)));
    }
    return look_text_print_json(json_pack("{s:s,s:o}", "study", study, "waiting", list), out, status);
}

static void print_csv(const struct why_measurements *all, size_t *before, FILE *out)
{
    fputs("arch,device,before,waits_for\n", out);
    for (size_t i = 0; i < all->count; i++) {
        const struct why_device *device = find_device(all, all->list[i].device);
        report_csv_field(all->list[i].arch, out);
        fprintf(out, ",%s,%zu,", device->device, before[device - all->devices]++);
        report_csv_field(device->waits_for, out);
        fputc('\n', out);
    }
}

/* A paragraph a device. */
static void print_table(const struct why_measurements *all, FILE *out)
{
    for (size_t d = 0; d < all->device_count; d++) {
        const struct why_device *device = &all->devices[d];
        size_t before = 0;
        fprintf(out, "%zu measurement(s) for device %s wait for: ", device->count, device->device);
        cli_print_safe(out, device->waits_for);
        fputc('\n', out);
        for (size_t i = 0; i < all->count; i++)
            if (strcmp(all->list[i].device, device->device) == 0)
                fprintf(out, "  %4zu before it  %s\n", before++, all->list[i].arch);
    }
    if (all->count == 0)
        fputs("no measurement waits\n", out);
}

enum status_code why_measurements_print(const struct why_measurements *all, const char *study, enum cli_format format, FILE *out,
                                        struct status *status)
{
    size_t *before = counters(all);
    enum status_code code = STATUS_OK;
    if (before == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu devices", all->device_count);
    if (format == CLI_JSON)
        code = print_json(all, study, before, out, status);
    else if (format == CLI_CSV)
        print_csv(all, before, out);
    else
        print_table(all, out);
    free(before);
    return code;
}
