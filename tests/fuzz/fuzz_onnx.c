/* fuzz_onnx: any bytes as an ONNX model. What is read is a sound network that can be counted, written and read back. */
#include <stdlib.h>

#include "common/cost.h"
#include "common/net_onnx.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"onnx", 6000};

static void write_and_read(const struct net *net)
{
    struct status status = {0};
    struct net back = {0};
    void *data;
    size_t size;
    if (net_onnx_write(net, &data, &size, &status) != STATUS_OK)
        return;
    FUZZ_MUST(net_onnx_read(data, size, NULL, 0, &back, &status) == STATUS_OK, "what was written can be read");
    net_free(&back);
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct net net = {0};
    if (net_onnx_read(data, size, NULL, 0, &net, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    FUZZ_MUST(net_check(&net, &status) == STATUS_OK, "a network that was read keeps the rules");
    struct cost cost;
    cost_of_net(&net, &cost);
    write_and_read(&net);
    net_free(&net);
    return 0;
}
