/* config_board_rules: the table of keys of a board file. Used by config_board.c alone. Pure. */
#include "common/config_board_rules.h"

static const char *const runner_words[] = {
    [CONFIG_BOARD_BUILTIN] = "builtin", [CONFIG_BOARD_COMMAND] = "command", [CONFIG_BOARD_SIMULATED] = "simulated", NULL};
static const char *const parser_words[] = {[CONFIG_BOARD_JSON] = "json",
                                           [CONFIG_BOARD_TRTEXEC_TIMES] = "trtexec-times",
                                           [CONFIG_BOARD_TRTEXEC_TEXT] = "trtexec-text",
                                           [CONFIG_BOARD_TFLITE] = "tflite",
                                           [CONFIG_BOARD_ORT_PERF] = "ort-perf",
                                           [CONFIG_BOARD_TIMELOOP] = "timeloop",
                                           [CONFIG_BOARD_HLS_XML] = "hls-xml",
                                           [CONFIG_BOARD_REGEX] = "regex",
                                           NULL};
static const char *const unit_words[] = {
    [CONFIG_BOARD_NS] = "ns", [CONFIG_BOARD_US] = "us", [CONFIG_BOARD_MS] = "ms", [CONFIG_BOARD_S] = "s", NULL};
static const char *const power_words[] = {[CONFIG_BOARD_UW] = "uW", [CONFIG_BOARD_MW] = "mW", [CONFIG_BOARD_W] = "W", NULL};
static const char *const mode_words[] = {
    [CONFIG_BOARD_QUICK] = "quick", [CONFIG_BOARD_STRICT] = "strict", [CONFIG_BOARD_SUSTAINED] = "sustained", NULL};

_Static_assert(sizeof parser_words / sizeof parser_words[0] == CONFIG_BOARD_PARSERS + 1, "a word for each parser");

#define AT(member) offsetof(struct config_board, member)
#define ALL ~0u
#define COMMAND (1u << CONFIG_BOARD_COMMAND)
#define SIMULATED (1u << CONFIG_BOARD_SIMULATED)

#define PART "a part of the device key: at most 30 letters, digits, '.', '_' and '+', such as "
#define ARGV "a program and its arguments, such as [tool, --graph={model}]"

static const struct config_rule rules[] = {
    {BOARD_TOP, "name", CONFIG_TEXT, AT(name), NULL, 0, 0, NULL, ALL, SIMULATED,
     "the name of this very board, such as pi4-kitchen"},
    {BOARD_TOP, "board", CONFIG_TEXT, AT(board), NULL, 0, 0, NULL, COMMAND | SIMULATED, COMMAND | SIMULATED, PART "raspi4"},
    {BOARD_TOP, "processor", CONFIG_TEXT, AT(processor), NULL, 0, 0, NULL, COMMAND | SIMULATED, COMMAND | SIMULATED,
     PART "bcm2711"},
    {BOARD_TOP, "runtime", CONFIG_TEXT, AT(runtime), NULL, 0, 0, NULL, COMMAND | SIMULATED, COMMAND | SIMULATED, PART "tflite2.14"},
    {BOARD_TOP, "precision", CONFIG_TEXT, AT(precision), NULL, 0, 0, NULL, COMMAND | SIMULATED, COMMAND | SIMULATED, PART "f32"},
    {BOARD_TOP, "elsewhere", CONFIG_SWITCH, AT(elsewhere), "false", 0, 0, NULL, COMMAND, 0,
     "true when the board is not the machine the agent runs on"},
    {BOARD_TOP, "deterministic", CONFIG_SWITCH, AT(deterministic), "false", 0, 0, NULL, COMMAND | SIMULATED, 0,
     "true when the tool computes the latency, so that one sample says all"},
    {BOARD_TOP, "peak_macs_per_s", CONFIG_REAL, AT(peak_macs_per_s), "0", 0, 1e18, NULL, ALL, 0,
     "multiply-accumulates per second that the board cannot exceed; 0: unknown"},
    {BOARD_TOP, "peak_bytes_per_s", CONFIG_REAL, AT(peak_bytes_per_s), "0", 0, 1e18, NULL, ALL, 0,
     "bytes per second of memory that the board cannot exceed; 0: unknown"},
    {BOARD_TOP, "runner", CONFIG_CHOICE, AT(runner), NULL, 0, 0, runner_words, ALL, ALL, "builtin, command or simulated"},

    {BOARD_VERSION, "argv", CONFIG_LIST, AT(runtime_version.argv), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "a program that prints the runtime's version, such as [tool, --version]"},
    {BOARD_VERSION, "regex", CONFIG_TEXT, AT(runtime_pattern), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "a POSIX extended expression whose first group is the version"},
    {BOARD_VERSION, "timeout_s", CONFIG_REAL, AT(runtime_version.timeout_s), "30", 0.1, 86400, NULL, COMMAND, 0, "seconds"},

    {BOARD_MEASURE, "mode", CONFIG_CHOICE, AT(measure.mode), "quick", 0, 0, mode_words, ALL, 0, "quick, strict or sustained"},
    {BOARD_MEASURE, "strict", CONFIG_SWITCH, AT(measure.strict), "false", 0, 0, NULL, ALL, 0,
     "true to refuse a governor that is not performance, and a board that stays hot"},
    {BOARD_MEASURE, "start_temperature_c", CONFIG_REAL, AT(measure.start_temperature_c), "0", 0, 150, NULL, ALL, 0,
     "degrees Celsius that the board is to cool down to first; 0: do not wait"},
    {BOARD_MEASURE, "minutes", CONFIG_REAL, AT(measure.minutes), "10", 0.01, 1440, NULL, ALL, 0, "how long mode sustained runs"},

    {BOARD_COMMAND, "parser", CONFIG_CHOICE, AT(command.parser), NULL, 0, 0, parser_words, COMMAND, COMMAND,
     "json, trtexec-times, trtexec-text, tflite, ort-perf, timeloop, hls-xml or regex"},
    {BOARD_COMMAND, "result", CONFIG_TEXT, AT(command.result_file), NULL, 0, 0, NULL, COMMAND, 0,
     "the file in {workdir} that holds the result, such as times.json"},
    {BOARD_COMMAND, "unsupported", CONFIG_TEXT, AT(command.unsupported_pattern), NULL, 0, 0, NULL, COMMAND, 0,
     "a POSIX extended expression that matches when build or run fail over an operation they do not know"},
    {BOARD_COMMAND, "environment", CONFIG_PAIRS, AT(command.environment), NULL, 0, 0, NULL, COMMAND, 0,
     "all variables that the programs get, such as {PATH: /usr/bin:/bin}"},
    {BOARD_COMMAND, "memory_bytes", CONFIG_SEED, AT(command.memory_bytes), "0", 0, 0, NULL, COMMAND, 0,
     "bytes of address space; 0: no limit"},
    {BOARD_COMMAND, "output_bytes", CONFIG_SEED, AT(command.output_bytes), "4194304", 0, 0, NULL, COMMAND, 0,
     "bytes that a program may print"},
    {BOARD_COMMAND, "warmup", CONFIG_WHOLE, AT(command.warmup), "10", 0, 1000000, NULL, COMMAND, 0, "what {warmup} stands for"},
    {BOARD_COMMAND, "repeats", CONFIG_WHOLE, AT(command.repeats), "100", 1, 1000000, NULL, COMMAND, 0, "what {repeats} stands for"},
    {BOARD_COMMAND, "threads", CONFIG_WHOLE, AT(command.threads), "1", 1, 1024, NULL, COMMAND, 0, "what {threads} stands for"},

    {BOARD_BUILD, "argv", CONFIG_LIST, AT(command.build.argv), NULL, 0, 0, NULL, COMMAND, COMMAND, ARGV},
    {BOARD_BUILD, "output", CONFIG_TEXT, AT(command.build_output), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "the file in {workdir} that the build makes, such as model.tflite"},
    {BOARD_BUILD, "timeout_s", CONFIG_REAL, AT(command.build.timeout_s), "600", 0.1, 86400, NULL, COMMAND, 0, "seconds"},
    {BOARD_BUILD, "ahead", CONFIG_SWITCH, AT(command.build_ahead), "false", 0, 0, NULL, COMMAND, 0,
     "true when a build does not disturb a measurement"},

    {BOARD_RUN, "argv", CONFIG_LIST, AT(command.run.argv), NULL, 0, 0, NULL, COMMAND, COMMAND, ARGV},
    {BOARD_RUN, "timeout_s", CONFIG_REAL, AT(command.run.timeout_s), "120", 0.1, 86400, NULL, COMMAND, 0, "seconds"},

    {BOARD_REGEX, "pattern", CONFIG_TEXT, AT(command.regex_pattern), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "a POSIX extended expression whose first group is a latency"},
    {BOARD_REGEX, "unit", CONFIG_CHOICE, AT(command.regex_unit), NULL, 0, 0, unit_words, COMMAND, COMMAND, "ns, us, ms or s"},

    {BOARD_TIMELOOP, "clock_hz", CONFIG_REAL, AT(command.timeloop_clock_hz), NULL, 1, 1e12, NULL, COMMAND, COMMAND,
     "cycles per second of the accelerator, such as 2e8"},

    {BOARD_POWER, "file", CONFIG_TEXT, AT(command.power_file), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "the file that holds the power drawn, such as /sys/class/hwmon/hwmon0/power1_input"},
    {BOARD_POWER, "unit", CONFIG_CHOICE, AT(command.power_unit), NULL, 0, 0, power_words, COMMAND, COMMAND, "uW, mW or W"},
    {BOARD_POWER, "every_ms", CONFIG_REAL, AT(command.power_every_ms), "20", 1, 60000, NULL, COMMAND, 0,
     "milliseconds from one reading to the next"},

    {BOARD_THROTTLED, "argv", CONFIG_LIST, AT(command.throttled.argv), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "a program that prints whether the board slowed its clock, such as [vcgencmd, get_throttled]"},
    {BOARD_THROTTLED, "regex", CONFIG_TEXT, AT(command.throttled_pattern), NULL, 0, 0, NULL, COMMAND, COMMAND,
     "a POSIX extended expression that matches when it did"},
    {BOARD_THROTTLED, "timeout_s", CONFIG_REAL, AT(command.throttled.timeout_s), "10", 0.1, 86400, NULL, COMMAND, 0, "seconds"},

    {BOARD_SIMULATED, "table", CONFIG_PATH, AT(simulated.table), NULL, 0, 0, NULL, SIMULATED, SIMULATED,
     "a CSV file with one architecture a row"},
    {BOARD_SIMULATED, "column", CONFIG_TEXT, AT(simulated.column), "latency_ms", 0, 0, NULL, SIMULATED, 0,
     "the table's column of latencies in ms"},
    {BOARD_SIMULATED, "energy", CONFIG_TEXT, AT(simulated.energy), NULL, 0, 0, NULL, SIMULATED, 0,
     "the table's column of energies in mJ"},
    {BOARD_SIMULATED, "device", CONFIG_TEXT, AT(simulated.device), NULL, 0, 0, NULL, SIMULATED, 0, "a device of the table"},
    {BOARD_SIMULATED, "dataset", CONFIG_TEXT, AT(simulated.dataset), NULL, 0, 0, NULL, SIMULATED, 0, "a dataset of the table"},
    {BOARD_SIMULATED, "space", CONFIG_TEXT, AT(simulated.space), NULL, 0, 0, NULL, SIMULATED, SIMULATED,
     "the search space of the table's architectures, such as nb201"},
    {BOARD_SIMULATED, "noise", CONFIG_REAL, AT(simulated.noise), "0.02", 0, 1, NULL, SIMULATED, 0,
     "standard deviation of a sample, relative"},
    {BOARD_SIMULATED, "spikes", CONFIG_REAL, AT(simulated.spikes), "0", 0, 1, NULL, SIMULATED, 0,
     "share of samples that take up to three times as long"},
    {BOARD_SIMULATED, "delay_s", CONFIG_REAL, AT(simulated.delay_s), "0", 0, 86400, NULL, SIMULATED, 0,
     "seconds that a measurement takes"},
    {BOARD_SIMULATED, "drift", CONFIG_REAL, AT(simulated.drift), "0", -1, 1, NULL, SIMULATED, 0,
     "relative change from one measurement to the next"},
    {BOARD_SIMULATED, "lie", CONFIG_REAL, AT(simulated.lie), "1", 1e-6, 1e6, NULL, SIMULATED, 0, "factor on every latency"},
    {BOARD_SIMULATED, "lie_after", CONFIG_WHOLE, AT(simulated.lie_after), "0", 0, 1000000, NULL, SIMULATED, 0,
     "how many measurements are honest before"},
    {BOARD_SIMULATED, "fail", CONFIG_REAL, AT(simulated.fail), "0", 0, 1, NULL, SIMULATED, 0,
     "probability that a measurement fails"},
    {BOARD_SIMULATED, "crash", CONFIG_REAL, AT(simulated.crash), "0", 0, 1, NULL, SIMULATED, 0,
     "probability that a measurement crashes the board"},
    {BOARD_SIMULATED, "hang", CONFIG_REAL, AT(simulated.hang), "0", 0, 1, NULL, SIMULATED, 0,
     "probability that a measurement hangs"},
    {BOARD_SIMULATED, "hang_s", CONFIG_REAL, AT(simulated.hang_s), "600", 0, 86400, NULL, SIMULATED, 0,
     "seconds that a hung measurement is waited for"},
    {BOARD_SIMULATED, "seed", CONFIG_SEED, AT(simulated.seed), "0", 0, 0, NULL, SIMULATED, 0, "any whole number below 2^64"},
};

_Static_assert(sizeof rules / sizeof rules[0] <= CONFIG_RULES_MAX, "raise CONFIG_RULES_MAX");
_Static_assert((int)BOARD_SECTIONS <= (int)CONFIG_SECTIONS_MAX, "raise CONFIG_SECTIONS_MAX");

static const struct config_section_row sections[BOARD_SECTIONS] = {
    [BOARD_VERSION] = {"runtime_version", BOARD_TOP, false},
    [BOARD_MEASURE] = {"measure", BOARD_TOP, false},
    [BOARD_COMMAND] = {"command", BOARD_TOP, false},
    [BOARD_BUILD] = {"build", BOARD_COMMAND, false},
    [BOARD_RUN] = {"run", BOARD_COMMAND, false},
    [BOARD_REGEX] = {"regex", BOARD_COMMAND, false},
    [BOARD_TIMELOOP] = {"timeloop", BOARD_COMMAND, false},
    [BOARD_POWER] = {"power", BOARD_COMMAND, false},
    [BOARD_THROTTLED] = {"throttled", BOARD_COMMAND, false},
    [BOARD_SIMULATED] = {"simulated", BOARD_TOP, false},
};

const struct config_table config_board_table = {
    rules, sizeof rules / sizeof rules[0], sections, BOARD_SECTIONS, "board", "runner",
};

const char *config_board_parser_word(enum config_board_parser parser)
{
    return parser_words[parser];
}

const char *config_board_unit_word(enum config_board_unit unit)
{
    return unit_words[unit];
}

const char *config_board_runner_word(enum config_board_runner runner)
{
    return runner_words[runner];
}
