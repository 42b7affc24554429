/* admit, keys_list: who is on the list, and what a key may say: every role against every message, names, boards. */
#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

#include "common/fileio.h"
#include "common/keys_list.h"
#include "master/admit.h"

/* A folder of keys: workers alpha and beta, agents lab and attic, operator boss; they and a master stand in `made` too. */
struct world {
    char path[64], made[80], allow[80];
    struct keys_list *list;
};

static void shell(const char *format, const char *a, const char *b)
{
    char command[512];
    snprintf(command, sizeof command, "set -e; A='%s' B='%s'; %s", a, b, format);
    assert_int_equal(system(command), 0);
}

static void make(const struct world *world, const char *name, enum keys_role role)
{
    struct keys_public made;
    struct status status = {0};
    assert_ok(keys_create(world->made, name, role, &made, &status), status);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct status status = {0};
    snprintf(world->path, sizeof world->path, "/tmp/hwnas-test-admit-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    snprintf(world->made, sizeof world->made, "%s/made", world->path);
    snprintf(world->allow, sizeof world->allow, "%s/allow", world->path);
    make(world, "alpha", KEYS_WORKER);
    make(world, "beta", KEYS_WORKER);
    make(world, "lab", KEYS_AGENT);
    make(world, "attic", KEYS_AGENT);
    make(world, "boss", KEYS_OPERATOR);
    make(world, "head", KEYS_MASTER);
    shell("mkdir -m 755 \"$B\"; cp \"$A\"/alpha \"$A\"/beta \"$A\"/lab \"$A\"/attic \"$A\"/boss \"$B\"; touch \"$B\"/.hidden",
          world->made, world->allow);
    assert_ok(keys_list_load(world->allow, &world->list, &status), status);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    keys_list_free(world->list);
    shell("rm -rf \"$A\"", world->path, "");
    free(world);
    return 0;
}

static const struct keys_public *key(const struct world *world, const char *name)
{
    const struct keys_public *found = keys_list_owner(world->list, name);
    assert_non_null(found);
    return found;
}

/* --- what a key may say --- */

static enum status_code say_hello(const struct world *world, const char *name, enum wire_role role, const char *node,
                                  const char *board)
{
    struct wire_message *message = calloc(1, sizeof *message);
    struct status status = {0};
    message->type = WIRE_HELLO;
    message->hello.role = role;
    snprintf(message->hello.node, sizeof message->hello.node, "%s", node);
    snprintf(message->hello.board.name, sizeof message->hello.board.name, "%s", board);
    enum status_code code = admit_message(world->list, key(world, name), message, NULL, &status);
    free(message);
    return code;
}

static void a_key_registers_in_its_role_and_under_its_names_alone(void **state)
{
    const struct world *world = *state;
    assert_int_equal(say_hello(world, "alpha", WIRE_WORKER, "alpha", ""), STATUS_OK);
    assert_int_equal(say_hello(world, "alpha", WIRE_WORKER, "alpha.host-worker-1", ""), STATUS_OK);
    assert_int_equal(say_hello(world, "alpha", WIRE_WORKER, "beta", ""), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "alpha", WIRE_WORKER, "beta.host-worker-1", ""), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "alpha", WIRE_WORKER, "nobody", ""), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "alpha", WIRE_WORKER, "alphabet", ""), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "alpha", WIRE_AGENT, "alpha", "alpha"), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "lab", WIRE_WORKER, "lab", ""), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "boss", WIRE_WORKER, "boss", ""), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "boss", WIRE_AGENT, "boss", "boss"), STATUS_BAD_INPUT);
}

static void a_board_named_after_an_agents_key_is_that_keys(void **state)
{
    const struct world *world = *state;
    assert_int_equal(say_hello(world, "lab", WIRE_AGENT, "lab", "lab"), STATUS_OK);
    assert_int_equal(say_hello(world, "lab", WIRE_AGENT, "lab.x", "lab.board-2"), STATUS_OK);
    assert_int_equal(say_hello(world, "lab", WIRE_AGENT, "lab", "kitchen"), STATUS_OK);
    assert_int_equal(say_hello(world, "lab", WIRE_AGENT, "lab", "alpha"), STATUS_OK); /* a worker's key has no boards */
    assert_int_equal(say_hello(world, "lab", WIRE_AGENT, "lab", "attic"), STATUS_BAD_INPUT);
    assert_int_equal(say_hello(world, "lab", WIRE_AGENT, "lab", "attic.board-2"), STATUS_BAD_INPUT);
}

static void every_role_has_its_messages_and_no_others(void **state)
{
    static const struct {
        const char *name;
        unsigned may; /* bits of wire types, Hello apart */
    } roles[] = {
        {"alpha", 1u << WIRE_HEARTBEAT | 1u << WIRE_RESULT | 1u << WIRE_BUNDLE_REQUEST | 1u << WIRE_BUNDLE_CHUNK |
                      1u << WIRE_RETURN | 1u << WIRE_GOODBYE},
        {"lab", 1u << WIRE_HEARTBEAT | 1u << WIRE_RESULT | 1u << WIRE_RETURN | 1u << WIRE_GOODBYE},
        {"boss", 1u << WIRE_QUESTION},
    };
    const struct world *world = *state;
    struct wire_message *message = calloc(1, sizeof *message);
    struct status status;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        for (int type = WIRE_WELCOME; type <= WIRE_ANSWER; type++) {
            message->type = (enum wire_type)type;
            enum status_code code = admit_message(world->list, key(world, roles[i].name), message, roles[i].name, &status);
            assert_int_equal(code, (roles[i].may >> type & 1) ? STATUS_OK : STATUS_BAD_INPUT);
        }
    }
    free(message);
}

static void a_connection_registered_under_another_keys_name_is_not_heard(void **state)
{
    const struct world *world = *state;
    struct wire_message *message = calloc(1, sizeof *message);
    struct status status;
    message->type = WIRE_RESULT;
    assert_int_equal(admit_message(world->list, key(world, "alpha"), message, "alpha.w", &status), STATUS_OK);
    assert_int_equal(admit_message(world->list, key(world, "alpha"), message, "beta.w", &status), STATUS_BAD_INPUT);
    assert_int_equal(admit_message(world->list, key(world, "alpha"), message, NULL, &status),
                     STATUS_OK); /* not registered: told so */
    free(message);
}

/* --- the list --- */

static void the_list_finds_keys_by_text_and_names_by_owner(void **state)
{
    const struct world *world = *state;
    assert_int_equal(keys_list_count(world->list), 5);
    assert_ptr_equal(keys_list_find(world->list, key(world, "alpha")->text), key(world, "alpha"));
    assert_ptr_equal(keys_list_owner(world->list, "alpha.x.y"), key(world, "alpha"));
    assert_null(keys_list_owner(world->list, "alphabet"));
    assert_null(keys_list_owner(world->list, ""));
    assert_null(keys_list_owner(world->list, ".alpha"));
    assert_null(keys_list_find(world->list, "local"));
}

static void load_says(const struct world *world, const char *change, const char *says)
{
    struct keys_list *list = NULL;
    struct status status = {0};
    shell(change, world->made, world->allow);
    assert_int_equal(keys_list_load(world->allow, &list, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, says) == NULL)
        fail_msg("wanted '%s', got: %s", says, status.message);
}

static void a_folder_with_anything_wrong_in_it_is_refused_at_the_start(void **state)
{
    const struct world *world = *state;
    load_says(world, "cp \"$A\"/head \"$B\"", "a master's key is not for this folder");
    load_says(world, "rm \"$B\"/head; cp \"$A\"/alpha_secret \"$B\"", "SECRET");
    load_says(world, "rm \"$B\"/alpha_secret; cp \"$A\"/alpha \"$B\"/gamma", "it is the key of alpha");
    load_says(world, "sed 's/\"alpha\"/\"gamma\"/' \"$A\"/alpha > \"$B\"/gamma", "the same key as alpha");
    load_says(world, "rm \"$B\"/gamma; echo hello > \"$B\"/note", "not a key file");
    load_says(world, "rm \"$B\"/note; chmod g+w \"$B\"/beta", "chmod go-w");
    load_says(world, "chmod g-w \"$B\"/beta; chmod o+w \"$B\"", "others may put keys");
    struct keys_list *list = NULL;
    struct status status = {0};
    shell("chmod o-w \"$B\"", world->made, world->allow);
    assert_ok(keys_list_load(world->allow, &list, &status), status);
    keys_list_free(list);
    assert_int_equal(keys_list_load("/nonexistent/allow", &list, &status), STATUS_NOT_FOUND);
}

static void one_bad_file_undoes_no_removal(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    shell("rm \"$B\"/alpha; echo hello > \"$B\"/beta; mkdir \"$B\"/sub", world->made, world->allow);
    assert_ok(keys_list_reload(world->list, NULL, &status), status);
    assert_int_equal(keys_list_count(world->list), 3);
    assert_null(keys_list_owner(world->list, "alpha"));
    assert_null(keys_list_owner(world->list, "beta"));
    assert_non_null(keys_list_owner(world->list, "lab"));
}

static void a_folder_that_is_gone_changes_nothing(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    shell("mv \"$B\" \"$B.away\"", world->made, world->allow);
    assert_int_equal(keys_list_reload(world->list, NULL, &status), STATUS_NOT_FOUND);
    assert_int_equal(keys_list_count(world->list), 5);
    assert_non_null(keys_list_owner(world->list, "alpha"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_registers_in_its_role_and_under_its_names_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_board_named_after_an_agents_key_is_that_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_role_has_its_messages_and_no_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_registered_under_another_keys_name_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_list_finds_keys_by_text_and_names_by_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_with_anything_wrong_in_it_is_refused_at_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_bad_file_undoes_no_removal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_gone_changes_nothing, set_up, tear_down),
    };
    return TEST_RUN(tests);
}
