/* space_nb201 against PyTorch's state dicts: every tensor of the golden weight files is in the built net with its shape, and every
 * trainable tensor of the net is in the file. Also that tensorfile reads files it did not write. */
#include "tests/support/test.h"

#include <string.h>

#include "common/space.h"
#include "common/tensorfile.h"

static void assert_same_tensors(const struct net *net, const struct tensorfile *file)
{
    size_t trainable = 0;
    for (size_t i = 0; i < file->entry_count; i++) {
        const struct tensorfile_entry *entry = &file->entries[i];
        int index = net_find_tensor(net, entry->name);
        if (index < 0)
            fail_msg("the net lacks %s", entry->name);
        assert_int_equal(entry->dtype, TENSORFILE_F32);
        assert_int_equal(net->tensors[index].rank, entry->rank);
        for (int k = 0; k < entry->rank; k++)
            assert_int_equal(net->tensors[index].dims[k], entry->dims[k]);
    }
    for (int i = 0; i < net->tensor_count; i++)
        trainable += (size_t)net->tensors[i].trainable;
    assert_int_equal(trainable, file->entry_count);
}

static void compare(const char *digits, const char *path)
{
    struct space space;
    struct arch arch;
    struct net net;
    struct tensorfile file;
    struct status status;
    const struct space_build build = {.channels = 16, .cells = 5, .classes = 10, .input = {3, 32, 32}};
    net_init_empty(&net);
    assert_ok(tensorfile_load(path, &file, &status), status);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, digits, &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    assert_same_tensors(&net, &file);
    net_free(&net);
    space_close(&space);
    tensorfile_free(&file);
}

static void cell_104142_has_the_tensors_of_its_state_dict(void **state)
{
    (void)state;
    compare("104142", "../shared/golden/nb201_104142.safetensors");
}

static void cell_241302_has_the_tensors_of_its_state_dict(void **state)
{
    (void)state;
    compare("241302", "../shared/golden/nb201_241302.safetensors");
}

static void cell_333133_has_the_tensors_of_its_gradient_file(void **state)
{
    (void)state;
    compare("333133", "../shared/golden/nb201_333133.grad.safetensors");
}

int main(void)
{
    TEST_NEEDS("../shared/golden/nb201_104142.safetensors");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cell_104142_has_the_tensors_of_its_state_dict),
        cmocka_unit_test(cell_241302_has_the_tensors_of_its_state_dict),
        cmocka_unit_test(cell_333133_has_the_tensors_of_its_gradient_file),
    };
    return TEST_RUN(tests);
}
