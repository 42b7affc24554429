/* questions: what an operator asks a running master: answered once, in pages that fit together, by somebody who goes on with its
 * search and has not a peer more. */
#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

#include "master/coord_parts.h"
#include "master/look.h"
#include "tests/support/lone_master.h"

enum { ASKER = 77, WORKER = 1, BOARD = 2 };

/* --- the master, a worker and a board --- */

static void join(struct lone_master *lone, enum wire_role role)
{
    struct wire_message hello = {.type = WIRE_HELLO};
    hello.hello = (struct wire_hello){.role = role, .incarnation = 1, .slots = 1, .sequence = 1};
    strcpy(hello.hello.node, role == WIRE_AGENT ? "agent" : "worker");
    strcpy(hello.hello.host_id, role == WIRE_AGENT ? "host.a" : "host.b");
    if (role == WIRE_AGENT) {
        strcpy(hello.hello.device_key, LONE_DEVICE);
        strcpy(hello.hello.board.name, "kitchen");
        strcpy(hello.hello.board.runner, "builtin");
    }
    lone_send(lone, role == WIRE_AGENT ? BOARD : WORKER, &hello);
}

static int open_master(void **state)
{
    struct lone_master *lone = calloc(1, sizeof *lone);
    struct status status = {0};
    if (lone == NULL || !lone_prepare(lone, 1000) || lone_open(lone, true, &status) != STATUS_OK) {
        print_error("%s\n", status.message);
        return -1;
    }
    *state = lone;
    join(lone, WIRE_WORKER);
    join(lone, WIRE_AGENT);
    return lone->by_type[WIRE_WELCOME] == 2 ? 0 : -1;
}

static int close_master(void **state)
{
    struct lone_master *lone = *state;
    lone_remove(lone);
    free(lone);
    return 0;
}

/* --- asking --- */

static struct wire_message question_of(uint64_t id, enum wire_question_kind kind, enum wire_format format)
{
    struct wire_message message = {.type = WIRE_QUESTION};
    message.question = (struct wire_question){.id = id, .kind = kind, .format = format};
    return message;
}

static void let_think(struct lone_master *lone)
{
    while (coord_thinking(lone->coord) >= 0)
        coord_think(lone->coord);
}

/* Asks and waits; the answer is lone->last, its text lone->page. */
static const struct wire_answer *ask(struct lone_master *lone, const struct wire_message *question)
{
    lone_send(lone, ASKER, question);
    let_think(lone);
    assert_int_equal(lone->last.type, WIRE_ANSWER);
    assert_int_equal(lone->last_link, ASKER);
    assert_int_equal(lone->last.answer.id, question->question.id);
    return &lone->last.answer;
}

static void says(const struct lone_master *lone, const char *text)
{
    if (lone->page == NULL || strstr(lone->page, text) == NULL)
        fail_msg("\"%s\" lacks %s", lone->page != NULL ? lone->page : "nothing", text);
}

/* --- tests --- */

static void who_asks_is_no_peer_and_changes_nothing(void **state)
{
    struct lone_master *lone = *state;
    const enum wire_question_kind kinds[] = {WIRE_ASK_STUDY_LIST, WIRE_ASK_DEVICE_LIST};
    const enum wire_question_kind of_study[] = {WIRE_ASK_STUDY_SHOW, WIRE_ASK_STUDY_WHY, WIRE_ASK_FRONT, WIRE_ASK_DEVICE_WHY};
    uint64_t held = lone_state(lone), stored = lone_stored(lone), id = 1;
    for (enum wire_format format = WIRE_TABLE; format <= WIRE_JSON; format++) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            struct wire_message question = question_of(id++, kinds[i], format);
            assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
        }
        for (size_t i = 0; i < sizeof of_study / sizeof of_study[0]; i++) {
            struct wire_message question = question_of(id++, of_study[i], format);
            strcpy(question.question.study, "lone");
            assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
        }
    }
    struct dispatch_counts counts;
    dispatch_count(lone->coord->dispatch, &counts);
    assert_int_equal(counts.workers + counts.agents, 2);
    assert_int_equal(lone_state(lone), held);
    assert_int_equal(lone_stored(lone), stored);
}

static void a_question_asked_again_is_not_answered_anew(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(5, WIRE_ASK_DEVICE_QUARANTINE, WIRE_TABLE);
    strcpy(question.question.board, "kitchen");
    strcpy(question.question.text, "its fan stopped");
    lone_send(lone, ASKER, &question);
    lone_send(lone, ASKER, &question);
    assert_int_equal(lone->last.answer.code, WIRE_ANSWER_WORKING);
    let_think(lone);
    assert_int_equal(lone->last.answer.code, WIRE_ANSWER_OK);
    uint64_t answers = lone->by_type[WIRE_ANSWER], stored = lone_stored(lone);
    lone->now_ms += 5000; /* done again it would have another date */
    lone_send(lone, ASKER, &question);
    assert_int_equal(coord_thinking(lone->coord), -1);
    assert_int_equal(lone->by_type[WIRE_ANSWER], answers + 1);
    assert_int_equal(lone->last.answer.code, WIRE_ANSWER_OK);
    says(lone, "kitchen (" LONE_DEVICE ") is quarantined");
    assert_int_equal(lone_stored(lone), stored);
    lone_send(lone, ASKER + 1, &question); /* the same number of somebody else is another question */
    assert_int_equal(coord_thinking(lone->coord), 0);
}

static void a_board_is_quarantined_and_trusted_by_what_is_asked(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(1, WIRE_ASK_DEVICE_QUARANTINE, WIRE_TABLE),
                        why = question_of(2, WIRE_ASK_STUDY_WHY, WIRE_JSON);
    struct store_board row;
    struct status status = {0};
    strcpy(question.question.board, "kitchen");
    strcpy(question.question.text, "its fan stopped");
    strcpy(why.question.study, "lone");
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
    assert_ok(store_board_get(search_store(lone->coord->search), LONE_DEVICE, "kitchen", &row, &status), status);
    assert_true(row.quarantined && row.held);
    assert_string_equal(row.reason, "its fan stopped");
    ask(lone, &why);
    says(lone, "\"code\":\"quarantined\"");
    says(lone, "its fan stopped");
    says(lone, "hwnas device trust kitchen");
    for (const struct lease *lease = dispatch_queue(lone->coord->dispatch)->leases; lease != NULL; lease = lease->next)
        assert_true(lease->kind == WIRE_RMI || lease->canary); /* no measurement is left to it */
    question.question.id = 3;
    question.question.kind = WIRE_ASK_DEVICE_TRUST;
    question.question.text[0] = '\0';
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
    assert_ok(store_board_get(search_store(lone->coord->search), LONE_DEVICE, "kitchen", &row, &status), status);
    assert_false(row.quarantined);
    why.question.id = 4;
    ask(lone, &why);
    assert_null(strstr(lone->page, "quarantined\",")); /* no reason any more */
    says(lone, "\"quarantined\":[]");
}

static void what_is_not_there_is_not_found(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(1, WIRE_ASK_STUDY_WHY, WIRE_TABLE);
    strcpy(question.question.study, "none");
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_NOT_FOUND);
    assert_non_null(strstr(lone->last.answer.sentence, "'none'"));
    question.question.id = 2;
    question.question.kind = WIRE_ASK_FRONT;
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_NOT_FOUND);
    question = question_of(3, WIRE_ASK_DEVICE_TRUST, WIRE_TABLE);
    strcpy(question.question.board, "kitchne");
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_NOT_FOUND);
    assert_non_null(strstr(lone->last.answer.sentence, "did you mean kitchen?"));
    question = question_of(4, WIRE_ASK_LOG_LEVEL, WIRE_TABLE);
    strcpy(question.question.text, "loud");
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_BAD_INPUT);
}

static void more_questions_than_can_be_kept_are_told_to_come_later(void **state)
{
    struct lone_master *lone = *state;
    uint64_t answers = lone->by_type[WIRE_ANSWER];
    for (uint64_t id = 1; id <= 16; id++) {
        struct wire_message question = question_of(id, WIRE_ASK_STUDY_LIST, WIRE_JSON);
        lone_send(lone, ASKER, &question);
    }
    assert_int_equal(lone->by_type[WIRE_ANSWER], answers);
    struct wire_message question = question_of(17, WIRE_ASK_STUDY_LIST, WIRE_JSON);
    lone_send(lone, ASKER, &question);
    assert_int_equal(lone->last.answer.code, WIRE_ANSWER_UNAVAILABLE);
    let_think(lone);
    assert_int_equal(lone->by_type[WIRE_ANSWER], answers + 17);
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK); /* those that are answered make room */
    assert_true(lone->coord->question_count <= 16);
}

static void while_the_database_cannot_be_written_that_is_why(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(1, WIRE_ASK_STUDY_WHY, WIRE_JSON);
    struct status full = {.code = STATUS_IO, .message = "lone.db: database or disk is full"};
    strcpy(question.question.study, "lone");
    coord_store_failed(lone->coord, &full);
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
    says(lone, "\"code\":\"database\"");
    says(lone, "disk is full");
    question = question_of(2, WIRE_ASK_DEVICE_QUARANTINE, WIRE_TABLE);
    strcpy(question.question.board, "kitchen");
    strcpy(question.question.text, "its fan stopped");
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_UNAVAILABLE);
    question = question_of(3, WIRE_ASK_STUDY_LIST, WIRE_JSON);
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK); /* it can be read all the same */
}

/* Whose CSV is longer than two pages, of characters of three bytes. */
static void add_boards(struct lone_master *lone, int count)
{
    struct store *store = search_store(lone->coord->search);
    struct status status = {0};
    struct store_board board = {.runner = "builtin", .node = "agent"};
    char reason[STORE_SENTENCE_BYTES];
    for (size_t i = 0; i + 3 < sizeof reason; i += 3)
        memcpy(reason + i, "\xe2\x82\xac", 4);
    assert_ok(store_begin(store, &status), status);
    for (int i = 0; i < count; i++) {
        snprintf(board.name, sizeof board.name, "board-%d", i);
        snprintf(board.device_key, sizeof board.device_key, "device-%d", i % 7);
        assert_ok(store_board_seen(store, &board, &status), status);
        assert_ok(store_board_quarantine(store, board.device_key, board.name, reason, 1000, &status), status);
    }
    assert_ok(store_commit(store, &status), status);
}

static char *looked_up(struct lone_master *lone, const struct wire_question *question, size_t *size)
{
    struct status status = {0};
    struct look *look = NULL;
    char *text = NULL;
    bool more = true;
    FILE *out = open_memstream(&text, size);
    assert_non_null(out);
    assert_ok(look_open(search_store(lone->coord->search), question, out, &look, &status), status);
    while (more)
        assert_ok(look_step(look, &more, &status), status);
    look_close(look);
    fclose(out);
    return text;
}

static void a_long_answer_comes_in_pages_that_fit_together(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(9, WIRE_ASK_DEVICE_LIST, WIRE_CSV);
    size_t size, got = 0, pages = 0;
    add_boards(lone, 4000);
    char *wanted = looked_up(lone, &question.question, &size);
    assert_true(size > 2 * WIRE_CHUNK_MAX);
    while (got < size) {
        question.question.offset_bytes = got;
        lone_send(lone, ASKER, &question);
        if (got == 0) {
            assert_int_equal(coord_thinking(lone->coord), 0);
            let_think(lone);
        }
        const struct wire_answer *page = &lone->last.answer;
        assert_int_equal(page->code, WIRE_ANSWER_OK);
        assert_int_equal(page->total_bytes, size);
        assert_int_equal(page->offset_bytes, got);
        assert_true(page->size > 0 && got + page->size <= size);
        assert_memory_equal(lone->page, wanted + got, page->size);
        got += page->size;
        pages++;
    }
    assert_true(pages >= 3);
    assert_int_equal(lone->coord->question_count, 0); /* a long text is not kept once it was fetched */
    free(wanted);
}

static void the_search_has_its_turns_while_a_long_answer_is_put_together(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(9, WIRE_ASK_DEVICE_LIST, WIRE_CSV), heartbeat = {.type = WIRE_HEARTBEAT};
    heartbeat.heartbeat = (struct wire_heartbeat){.sequence = 2, .slots = 1};
    add_boards(lone, 200);
    uint64_t answers = lone->by_type[WIRE_HEARTBEAT_ANSWER];
    lone_send(lone, ASKER, &question);
    for (int i = 0; i < 50; i++) {
        coord_think(lone->coord);
        lone_send(lone, WORKER, &heartbeat);
        heartbeat.heartbeat.sequence++;
    }
    assert_int_equal(lone->by_type[WIRE_HEARTBEAT_ANSWER], answers + 50);
    assert_int_equal(coord_thinking(lone->coord), 0); /* it is still being put together */
    assert_int_equal(lone->by_type[WIRE_ANSWER], 0);
}

static void a_backup_is_made_and_a_second_of_that_name_is_not(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message question = question_of(1, WIRE_ASK_BACKUP, WIRE_JSON);
    snprintf(question.question.text, sizeof question.question.text, "%s/copy.db", lone->folder);
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
    says(lone, "/copy.db");
    question.question.id = 2;
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_CONFLICT);
    struct store *copy = NULL;
    struct store_study study;
    struct status status = {0};
    assert_ok(store_open(question.question.text, STORE_READ, &copy, &status), status);
    assert_ok(store_study_find(copy, "lone", &study, &status), status);
    store_study_free(&study);
    store_close(copy);
    unlink(question.question.text);
}

static void of_a_master_on_tcp_a_copy_is_to_be_had_beside_the_database_alone(void **state)
{
    static const char *const tcp[] = {"tcp://127.0.0.1:*"}, *const ipc[] = {"ipc:///run/hwnas/hwnas.sock"};
    struct lone_master *lone = *state;
    struct wire_message question = question_of(1, WIRE_ASK_BACKUP, WIRE_JSON);
    char elsewhere[128];
    snprintf(elsewhere, sizeof elsewhere, "%s/other", lone->folder);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    snprintf(question.question.text, sizeof question.question.text, "%s/copy.db", elsewhere);
    lone->options.listen = tcp;
    lone->options.listen_count = 1;
    assert_int_not_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
    assert_int_equal(access(question.question.text, F_OK), -1);
    question.question.id = 2;
    lone->options.listen = ipc;
    assert_int_equal(ask(lone, &question)->code, WIRE_ANSWER_OK);
    assert_int_equal(unlink(question.question.text), 0);
    rmdir(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_asks_is_no_peer_and_changes_nothing, open_master, close_master),
        cmocka_unit_test_setup_teardown(a_question_asked_again_is_not_answered_anew, open_master, close_master),
        cmocka_unit_test_setup_teardown(a_board_is_quarantined_and_trusted_by_what_is_asked, open_master, close_master),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, open_master, close_master),
        cmocka_unit_test_setup_teardown(more_questions_than_can_be_kept_are_told_to_come_later, open_master, close_master),
        cmocka_unit_test_setup_teardown(while_the_database_cannot_be_written_that_is_why, open_master, close_master),
        cmocka_unit_test_setup_teardown(a_long_answer_comes_in_pages_that_fit_together, open_master, close_master),
        cmocka_unit_test_setup_teardown(the_search_has_its_turns_while_a_long_answer_is_put_together, open_master, close_master),
        cmocka_unit_test_setup_teardown(a_backup_is_made_and_a_second_of_that_name_is_not, open_master, close_master),
        cmocka_unit_test_setup_teardown(of_a_master_on_tcp_a_copy_is_to_be_had_beside_the_database_alone, open_master,
                                        close_master),
    };
    return TEST_RUN(tests);
}
