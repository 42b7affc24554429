/* parse: every tool's format as it prints it (versions in deploy/boards/), what is refused, and damaged output. The figures are
 * made up. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "worker/parse.h"

#define STAMP "[11/21/2026-09:14:02] [I] "

/* trtexec of TensorRT 8.6 and 10. */
static const char trtexec_new[] = STAMP
    "Starting inference\n" STAMP "Warmup completed 2 queries over 500 ms\n" STAMP
    "Timing trace has 3 queries over 5.00125 s\n" STAMP "\n" STAMP "=== Trace details ===\n" STAMP
    "Trace averages of 10 runs:\n" STAMP
    "Average on 10 runs - GPU latency: 2.25 ms - Host latency: 2.3125 ms (enqueue 0.3125 ms)\n" STAMP "\n" STAMP
    "=== Performance summary ===\n" STAMP "Throughput: 437.5 qps\n" STAMP
    "Latency: min = 2.26562 ms, max = 2.75 ms, mean = 2.32812 ms, median = 2.3125 ms, percentile(90%) = 2.375 ms, "
    "percentile(95%) = 2.5 ms, percentile(99%) = 2.625 ms\n" STAMP
    "Enqueue Time: min = 0.25 ms, max = 0.5 ms, mean = 0.3125 ms, median = 0.296875 ms, percentile(90%) = 0.34375 ms, "
    "percentile(95%) = 0.359375 ms, percentile(99%) = 0.4375 ms\n" STAMP
    "GPU Compute Time: min = 2.1875 ms, max = 2.6875 ms, mean = 2.25 ms, median = 2.21875 ms, percentile(90%) = 2.28125 ms, "
    "percentile(95%) = 2.375 ms, percentile(99%) = 2.5625 ms\n" STAMP "Total Host Walltime: 5.00125 s\n" STAMP
    "Total GPU Compute Time: 4.925 s\n" STAMP "Explanations of the performance metrics are printed in the verbose logs.\n" STAMP
    "\n&&&& PASSED TensorRT.trtexec [TensorRT v8601] # trtexec --loadEngine=m.plan\n";

/* trtexec of TensorRT 7.1 and 7.2. */
static const char trtexec_old[] =
    "[11/21/2026-09:14:02] [I] Average on 10 runs - GPU latency: 7.5 ms - Host latency: 7.75 ms (end to end 14.5 ms, enqueue 0.5 "
    "ms)\n"
    "[11/21/2026-09:14:02] [I] Host Latency\n[11/21/2026-09:14:02] [I] min: 7.5 ms (end to end 13.25 ms)\n"
    "[11/21/2026-09:14:02] [I] max: 9.25 ms (end to end 17.5 ms)\n[11/21/2026-09:14:02] [I] mean: 7.75 ms (end to end 14.5 ms)\n"
    "[11/21/2026-09:14:02] [I] median: 7.6875 ms (end to end 14.25 ms)\n"
    "[11/21/2026-09:14:02] [I] percentile: 9 ms at 99% (end to end 17.25 ms at 99%)\n[11/21/2026-09:14:02] [I] throughput: 131.25 "
    "qps\n"
    "[11/21/2026-09:14:02] [I] walltime: 3.01875 s\n[11/21/2026-09:14:02] [I] Enqueue Time\n[11/21/2026-09:14:02] [I] min: 0.25 "
    "ms\n"
    "[11/21/2026-09:14:02] [I] max: 1.5 ms\n[11/21/2026-09:14:02] [I] median: 0.5 ms\n[11/21/2026-09:14:02] [I] GPU Compute\n"
    "[11/21/2026-09:14:02] [I] min: 7.25 ms\n[11/21/2026-09:14:02] [I] max: 9 ms\n[11/21/2026-09:14:02] [I] mean: 7.5 ms\n"
    "[11/21/2026-09:14:02] [I] median: 7.4375 ms\n[11/21/2026-09:14:02] [I] percentile: 8.75 ms at 99%\n"
    "[11/21/2026-09:14:02] [I] total compute time: 2.97 s\n&&&& PASSED TensorRT.trtexec # trtexec --loadEngine=m.plan\n";

static const char trtexec_averages[] =
    "[I] Average on 10 runs - GPU latency: 4.25 ms - Host latency: 4.5 ms (end to end 8.25 ms, enqueue 0.5 ms)\n"
    "[I] Average on 10 runs - GPU latency: 4.375 ms - Host latency: 4.5 ms (end to end 8.25 ms, enqueue 0.5 ms)\n"
    "&&&& PASSED TensorRT.trtexec # trtexec\n";

/* One line a query, the first two of the warm-up. */
#define QUERY(start, compute)                                                                                                      \
    "{ \"startEnqMs\" : " start ", \"endEnqMs\" : " start ", \"startH2dMs\" : " start ", \"endH2dMs\" : " start                    \
    ", \"startComputeMs\" : " start ", \"endComputeMs\" : " start ", \"startD2hMs\" : " start ", \"endD2hMs\" : " start            \
    ", \"h2dMs\" : 0.0625, \"computeMs\" : " compute ", \"d2hMs\" : 0.03125, \"latencyMs\" : 2.5, \"endToEndMs\" : 4.5 }\n"
static const char trtexec_times[] = "[\n  " QUERY("1.25", "9.5") ", " QUERY("12.5", "3.25") ", " QUERY("501.5", "2.25") ", " QUERY(
    "504.25", "2.1875") ", " QUERY("506.75", "2.21875") "]\n";

/* benchmark_model of TensorFlow 2.14. */
static const char tflite_new[] =
    "INFO: STARTING!\nINFO: Log parameter values verbosely: [0]\nINFO: Min num runs: [50]\nINFO: Num threads: [1]\n"
    "INFO: Graph: [model.tflite]\nINFO: Loaded model model.tflite\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    "INFO: The input model file size (MB): 1.25\nINFO: Initialized session in 8.5ms.\n"
    "INFO: Running benchmark for at least 10 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.\n"
    "INFO: count=41 first=16250 curr=12125 min=11875 max=16250 avg=12375.5 std=750\n\n"
    "INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.\n"
    "INFO: count=82 first=12250 curr=12125 min=11750 max=13250 avg=12187.5 std=187\n\n"
    "INFO: Inference timings in us: Init: 8500, First inference: 16250, Warmup (avg): 12375.5, Inference (avg): 12187.5\n"
    "INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory "
    "footprint of the model at runtime. Take the information at your discretion.\n"
    "INFO: Memory footprint delta from the start of the tool (MB): init=4.125 overall=9.75\n";

/* The same of 2018, on a phone. */
static const char tflite_old[] = "STARTING!\nMin num runs: [10]\nInitialized session in 9.5ms\n"
                                 "Running benchmark for at least 4 iterations and at least 0.5 seconds\n"
                                 "count=7 first=125000 curr=67500 min=66750 max=125000 avg=76250.5 std=20125\n\n"
                                 "Running benchmark for at least 10 iterations and at least 1 seconds\n"
                                 "count=15 first=66500 curr=66750 min=66250 max=67000 avg=66625.5 std=125\n\n"
                                 "Average inference timings in us: Warmup: 76250.5, Init: 9500, no stats: 66625.5\n";

/* onnxruntime_perf_test 1.16 to 1.20, and of 2019. */
static const char ort_new[] =
    "Setting intra_op_num_threads to 1\nSession creation time cost: 0.0125 s\nFirst inference time cost: 2 ms\n"
    "Total inference time cost: 0.1875 s\nTotal inference requests: 100\n"
    "Average inference time cost: 1.875 ms\nTotal inference run time: 0.18775 s\n"
    "Number of inferences per second: 532.625\nAvg CPU usage: 96 %\nPeak working set size: 36750000 bytes\n"
    "Avg CPU usage:96\nPeak working set size:36750000\nRuns:100\nMin Latency: 0.00178125 s\n"
    "Max Latency: 0.0021875 s\nP50 Latency: 0.00184375 s\nP90 Latency: 0.00196875 s\n"
    "P95 Latency: 0.002 s\nP99 Latency: 0.002125 s\nP999 Latency: 0.0021875 s\n";
static const char ort_old[] =
    "Total time cost:58.75\nTotal iterations:1000\nAverage time cost:58.75 ms\nTotal run time:58.8125 s\n"
    "Min Latency is 0.05625sec\nMax Latency is 0.0625sec\nP50 Latency is 0.0585sec\nP90 Latency is 0.06sec\n"
    "P95 Latency is 0.0605sec\nP99 Latency is 0.062sec\nP999 Latency is 0.0625sec\n";

/* The end of timeloop-mapper.stats.txt of Timeloop 4. */
#define STATS(cycles, energy)                                                                                                      \
    "Level 0\n-------\n=== mac ===\n\n    STATS\n    -----\n    Cycles                  : 999\n"                                   \
    "    Energy (total)          : 125.25 pJ\n\nSummary Stats\n-------------\nGFLOPs (@1GHz): 125.5\nUtilization: 75.00%\n"        \
    "Cycles: " cycles "\nEnergy: " energy " uJ\nEDP(J*cycle): 2.5e+00\nArea: 0.00 mm^2\n\nComputes = 5000\nfJ/Compute\n"           \
    "    mac                                           = 207.5\n    Total                                         = 5470.25\n\n"
static const char timeloop_one[] = STATS("50000", "12.50");
static const char timeloop_three[] = "# layer conv1 x 1\n" STATS("50000", "12.50") "# layer conv2 x 4\n" STATS(
    "10000", "2.25") "# layer fc x 1\n" STATS("1000", "0.50") "# end 3\n";

/* csynth.xml of Vitis HLS 2022.2. */
#define REPORT(worst, period)                                                                                                      \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<profile>\n\n<section name = \"Vitis HLS Report for 'net'\" level=\"0\"/>\n"      \
    "<ReportVersion>\n<Version>2022.2</Version>\n</ReportVersion>\n<UserAssignments>\n<unit>ns</unit>\n"                           \
    "<ProductFamily>zynq</ProductFamily>\n<Part>xc7z045-ffg900-2</Part>\n<TopModelName>net</TopModelName>\n"                       \
    "<TargetClockPeriod>5.00</TargetClockPeriod>\n<ClockUncertainty>1.35</ClockUncertainty>\n</UserAssignments>\n"                 \
    "<PerformanceEstimates>\n<PipelineType>none</PipelineType>\n<SummaryOfTimingAnalysis>\n<unit>ns</unit>\n"                      \
    "<EstimatedClockPeriod>" period "</EstimatedClockPeriod>\n</SummaryOfTimingAnalysis>\n<SummaryOfOverallLatency>\n"             \
    "<unit>clock cycles</unit>\n<Best-caseLatency>400000</Best-caseLatency>\n<Average-caseLatency>" worst                          \
    "</Average-caseLatency>\n<Worst-caseLatency>" worst "</Worst-caseLatency>\n"                                                   \
    "<Worst-caseRealTimeLatency>2.000 ms</Worst-caseRealTimeLatency>\n<Interval-min>400001</Interval-min>\n"                       \
    "</SummaryOfOverallLatency>\n<SummaryOfLoopLatency>\n<ROWS>\n<TripCount>32</TripCount>\n<Latency>3200</Latency>\n</ROWS>\n"    \
    "</SummaryOfLoopLatency>\n</PerformanceEstimates>\n<AreaEstimates>\n<Resources>\n<BRAM_18K>124</BRAM_18K>\n<DSP>220</DSP>\n"   \
    "<FF>45000</FF>\n<LUT>61000</LUT>\n<URAM>0</URAM>\n</Resources>\n<AvailableResources>\n<BRAM_18K>1090</BRAM_18K>\n"            \
    "<DSP>900</DSP>\n</AvailableResources>\n</AreaEstimates>\n</profile>\n"
static const char hls[] = REPORT("500000", "4.000");

static const char own_json[] = "{\"latency_ms\": [1.5, 1.25, 1.375], \"energy_mj\": 3.5, \"meta\": {\"version\": \"2.1\"}}\n";
static const char words[] = "run 1: took 1500 us\nrun 2: took 1250 us\n";

static const struct sample {
    const char *what, *text;
    struct parse_options options;
    double first, last; /* ms */
    int count;
    bool summary_only;
    double energy_mj; /* 0: none */
} samples[] = {
    {"trtexec 10", trtexec_new, {.parser = CONFIG_BOARD_TRTEXEC_TEXT}, 2.21875, 2.21875, 1, true, 0},
    {"trtexec 7", trtexec_old, {.parser = CONFIG_BOARD_TRTEXEC_TEXT}, 7.4375, 7.4375, 1, true, 0},
    {"trtexec without summary", trtexec_averages, {.parser = CONFIG_BOARD_TRTEXEC_TEXT}, 4.25, 4.375, 2, false, 0},
    {"trtexec times", trtexec_times, {.parser = CONFIG_BOARD_TRTEXEC_TIMES}, 9.5, 2.21875, 5, false, 0},
    {"tflite 2.14", tflite_new, {.parser = CONFIG_BOARD_TFLITE}, 12.1875, 12.1875, 1, true, 0},
    {"tflite of 2018", tflite_old, {.parser = CONFIG_BOARD_TFLITE}, 66.6255, 66.6255, 1, true, 0},
    {"onnxruntime 1.20", ort_new, {.parser = CONFIG_BOARD_ORT_PERF}, 1.84375, 1.84375, 1, true, 0},
    {"onnxruntime of 2019", ort_old, {.parser = CONFIG_BOARD_ORT_PERF}, 58.5, 58.5, 1, true, 0},
    {"timeloop", timeloop_one, {.parser = CONFIG_BOARD_TIMELOOP, .clock_hz = 2e8}, 0.25, 0.25, 1, false, 0.0125},
    {"timeloop, three layers", timeloop_three, {.parser = CONFIG_BOARD_TIMELOOP, .clock_hz = 2e8}, 0.455, 0.455, 1, false, 0.022},
    {"hls", hls, {.parser = CONFIG_BOARD_HLS_XML}, 2, 2, 1, false, 0},
    {"json", own_json, {.parser = CONFIG_BOARD_JSON}, 1.5, 1.375, 3, false, 3.5},
    {"regex",
     words,
     {.parser = CONFIG_BOARD_REGEX, .pattern = "took ([0-9.]+) us", .unit = CONFIG_BOARD_US},
     1.5,
     1.25,
     2,
     false,
     0},
};

enum { SAMPLES = sizeof samples / sizeof samples[0], ROOM = 64 };

struct result {
    enum status_code code;
    double ms[ROOM];
    int count;
    struct parse_extra extra;
    struct status status;
};

static struct result parsed(const struct parse_options *options, const char *text, size_t size, const char *workdir)
{
    struct result result = {.count = -1};
    result.code = parse_output(options, text, size, workdir, result.ms, ROOM, &result.count, &result.extra, &result.status);
    return result;
}

static void every_tool_is_read_in_its_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        struct result result = parsed(&sample->options, sample->text, strlen(sample->text), "/");
        if (result.code != STATUS_OK)
            fail_msg("%s: %s", sample->what, result.status.message);
        print_message("# %s\n", sample->what);
        assert_int_equal(result.count, sample->count);
        assert_near(result.ms[0], sample->first, 1e-12, 0);
        assert_near(result.ms[result.count - 1], sample->last, 1e-12, 0);
        assert_int_equal(result.extra.summary_only, sample->summary_only);
        assert_true(json_is_object(result.extra.meta));
        if (sample->energy_mj > 0)
            assert_near(result.extra.energy_mj, sample->energy_mj, 1e-12, 0);
        else
            assert_true(isnan(result.extra.energy_mj));
        json_decref(result.extra.meta);
    }
}

static double meta_of(const char *text, struct parse_options options, const char *key)
{
    struct result result = parsed(&options, text, strlen(text), "/");
    assert_int_equal(result.code, STATUS_OK);
    double value = json_number_value(json_object_get(result.extra.meta, key));
    json_decref(result.extra.meta);
    return value;
}

static void what_summaries_say_is_kept(void **state)
{
    (void)state;
    struct parse_options text = {.parser = CONFIG_BOARD_TRTEXEC_TEXT}, tflite = {.parser = CONFIG_BOARD_TFLITE};
    struct parse_options ort = {.parser = CONFIG_BOARD_ORT_PERF}, xml = {.parser = CONFIG_BOARD_HLS_XML};
    assert_near(meta_of(trtexec_new, text, "mean_ms"), 2.25, 0, 0);
    assert_near(meta_of(trtexec_new, text, "p99_ms"), 2.5625, 0, 0);
    assert_near(meta_of(trtexec_old, text, "min_ms"), 7.25, 0, 0);
    assert_near(meta_of(tflite_new, tflite, "count"), 82, 0, 0);
    assert_near(meta_of(tflite_new, tflite, "std_ms"), 0.187, 1e-12, 0);
    assert_near(meta_of(ort_new, ort, "mean_ms"), 1.875, 0, 0);
    assert_near(meta_of(ort_new, ort, "p99_ms"), 2.125, 1e-12, 0);
    assert_near(meta_of(hls, xml, "used_LUT"), 61000, 0, 0);
    assert_near(meta_of(hls, xml, "target_clock_ns"), 5, 0, 0);
}

/* --- files --- */

static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hwnas-test-parse-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void queries_of_the_warm_up_are_left_out_where_trtexec_tells_their_number(void **state)
{
    (void)state;
    struct parse_options options = {.parser = CONFIG_BOARD_TRTEXEC_TIMES, .file = "times.json"};
    write_file("times.json", trtexec_times);
    struct result result = parsed(&options, trtexec_new, strlen(trtexec_new), folder);
    remove_file("times.json");
    assert_int_equal(result.code, STATUS_OK);
    assert_int_equal(result.count, 3);
    assert_near(result.ms[0], 2.25, 0, 0);
    assert_int_equal(json_integer_value(json_object_get(result.extra.meta, "warmup_queries")), 2);
    json_decref(result.extra.meta);
}

static void a_result_that_was_not_written_is_said_to_be_absent(void **state)
{
    (void)state;
    struct parse_options options = {.parser = CONFIG_BOARD_HLS_XML, .file = "csynth.xml"};
    struct result result = parsed(&options, "x", 1, folder);
    assert_int_equal(result.code, STATUS_NOT_FOUND);
    assert_string_equal(result.status.message, "parser hls-xml: the tool ended without writing csynth.xml in its folder");
}

static void a_result_larger_than_allowed_is_refused(void **state)
{
    (void)state;
    struct parse_options options = {.parser = CONFIG_BOARD_HLS_XML, .file = "csynth.xml", .file_bytes = 100};
    write_file("csynth.xml", hls);
    struct result result = parsed(&options, "", 0, folder);
    remove_file("csynth.xml");
    assert_int_equal(result.code, STATUS_BAD_INPUT);
}

static void of_more_samples_than_there_is_room_for_the_last_are_kept(void **state)
{
    (void)state;
    struct parse_options options = {.parser = CONFIG_BOARD_JSON};
    double ms[2];
    int count;
    struct parse_extra extra;
    struct status status;
    assert_ok(parse_output(&options, own_json, strlen(own_json), "/", ms, 2, &count, &extra, &status), status);
    assert_int_equal(count, 2);
    assert_near(ms[0], 1.25, 0, 0);
    assert_near(ms[1], 1.375, 0, 0);
    json_decref(extra.meta);
}

/* --- refusals --- */

#define JSON                                                                                                                       \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_JSON                                                                                                \
    }
#define TIMES                                                                                                                      \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_TRTEXEC_TIMES                                                                                       \
    }
#define TRT                                                                                                                        \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_TRTEXEC_TEXT                                                                                        \
    }
#define TFLITE                                                                                                                     \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_TFLITE                                                                                              \
    }
#define ORT                                                                                                                        \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_ORT_PERF                                                                                            \
    }
#define LOOP                                                                                                                       \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_TIMELOOP, .clock_hz = 2e8                                                                           \
    }
#define XML                                                                                                                        \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_HLS_XML                                                                                             \
    }
#define REGEX                                                                                                                      \
    {                                                                                                                              \
        .parser = CONFIG_BOARD_REGEX, .pattern = "t=([^ ]*)", .unit = CONFIG_BOARD_MS                                              \
    }

static const struct {
    struct parse_options options;
    const char *text, *sentence;
} wrongs[] = {
    {JSON, "", "the tool printed nothing"},
    {JSON, "1.5", "looked for one object with a key latency_ms"},
    {JSON, "[1.5]", "looked for one object with a key latency_ms"},
    {JSON, "{\"latency\": 1.5}", "looked for one object with a key latency_ms"},
    {JSON, "{\"latency_ms\": 0}", "0 ms, which is no latency"},
    {JSON, "{\"latency_ms\": -1}", "-1 ms, which is no latency"},
    {JSON, "{\"latency_ms\": [1, 0.0]}", "0 ms, which is no latency"},
    {JSON, "{\"latency_ms\": 1e30}", "no latency"},
    {JSON, "{\"latency_ms\": 1e-30}", "no latency"},
    {JSON, "{\"latency_ms\": 1e999}", "not JSON"},
    {JSON, "{\"latency_ms\": NaN}", "not JSON"},
    {JSON, "{\"latency_ms\": Infinity}", "not JSON"},
    {JSON, "{\"latency_ms\": \"1.5\"}", "must hold numbers"},
    {JSON, "{\"latency_ms\": []}", "an empty list"},
    {JSON, "{\"latency_ms\": [[1]]}", "must hold numbers"},
    {JSON, "{\"latency_ms\": 1, \"latency_ms\": 2}", "not JSON"},
    {JSON, "{\"latency_ms\": 1, \"energy_mj\": 0}", "an energy of 0 mJ"},
    {JSON, "{\"latency_ms\": 1, \"energy_mj\": \"x\"}", "energy_mj must be a number"},
    {JSON, "{\"latency_ms\": 1, \"meta\": 3}", "meta must be an object"},
    {JSON, "{\"latency_ms\": 1} and more", "not JSON"},
    {TIMES, "{}", "looked for a list of queries"},
    {TIMES, "[]", "looked for a list of queries"},
    {TIMES, "[{\"latencyMs\": 1}]", "computeMs of query 0 is not a number"},
    {TIMES, "[{\"computeMs\": 0}]", "0 ms, which is no latency"},
    {TRT, "Total GPU Compute Time: 4.9 s\n", "looked for 'GPU Compute Time"},
    {TRT, "GPU Compute Time: the GPU latency to execute the kernels for a query.\n", "looked for 'GPU Compute Time"},
    {TRT, "GPU Compute Time: min = 1 ms, max = 2 ms, mean = 1 ms\n", "looked for 'median = NUMBER ms'"},
    {TRT, "GPU Compute Time: min = 1 ms, median = nan ms\n", "looked for 'median = NUMBER ms'"},
    {TRT, "GPU Compute Time: min = 1 ms, median = 1 s\n", "looked for 'median = NUMBER ms'"},
    {TRT, "GPU Compute Time: min = 0 ms, median = 0 ms\n", "0 ms, which is no latency"},
    {TRT, "GPU Compute Time: min = 1 ms, median = 1 ms\nGPU Compute Time: min = 2 ms, median = 2 ms\n", "stands there twice"},
    {TRT, "[I] GPU Compute\n[I] min: 1 ms\n", "ends before 'median"},
    {TRT, "[I] GPU Compute\n[E] out of memory\n", "below 'GPU Compute'"},
    {TRT, "[I] Average on 10 runs - GPU latency: 1 ms - Host latency: 1 ms\n", "no line has it"},
    {TFLITE, "ERROR: Failed to load model\n", "no line has it"},
    {TFLITE, "count=7 first=1 curr=2 min=1 max=3 avg=2 std=1\n", "did benchmark_model end after its warm-up?"},
    {TFLITE, "count=7 avg=2 std=1\ncount=0\n", "the last count= line is not complete"},
    {TFLITE, "count=7 avg=2 std=1\ncount=7 first=2 avg=\n", "the last count= line is not complete"},
    {TFLITE, "count=7 avg=2 std=1\ncount=7 avg=0 std=0\n", "0 ms, which is no latency"},
    {TFLITE, "count=7 avg=2 std=1\ncount=7 avg=nan std=nan\n", "not complete"},
    {TFLITE, "count=7 avg=2 std=1\nInference timings in us: Init: 1, Inference (avg): 20\n", "two averages that do not agree"},
    {TFLITE, "Inference timings in us: Init: 1, Inference (avg): nan\n", "there is no number"},
    {TFLITE, "Inference timings in us: Init: 1, Inference (avg): 0\n", "0 ms, which is no latency"},
    {ORT, "Session creation time cost: 0.01 s\n", "onnxruntime_perf_test prints it with -s"},
    {ORT, "Average inference time cost: 1.8 s\n", "looked for a number and ' ms'"},
    {ORT, "Average inference time cost: inf ms\n", "looked for a number and ' ms'"},
    {ORT, "Average inference time cost: 1.8 ms\n", "onnxruntime_perf_test prints it with -s"},
    {ORT, "P50 Latency: 0 s\n", "0 ms, which is no latency"},
    {ORT, "Average inference time cost: 0 ms\nP50 Latency: 0.001 s\n", "units are not understood"},
    {ORT, "Average inference time cost: 1.8 ms\nP50 Latency: 1.8 s\n", "units are not understood"},
    {ORT, "P50 Latency: 0.0018 ms\n", "looked for a number and ' s'"},
    {LOOP, "ERROR: couldn't find any valid mappings\n", "looked for 'Summary Stats'"},
    {LOOP, "Cycles: 5\nEnergy: 1 uJ\n", "looked for 'Summary Stats'"},
    {LOOP, "Summary Stats\nCycles: 5\n", "looked for 'Energy: NUMBER uJ'"},
    {LOOP, "Summary Stats\nCycles: 0\nEnergy: 1 uJ\n", "Cycles: 0 cannot be"},
    {LOOP, "Summary Stats\nCycles: 5\nEnergy: 1 pJ\n", "looked for 'Energy: NUMBER uJ'"},
    {LOOP, "Summary Stats\nCycles: 5\nEnergy: 1 uJ\nSummary Stats\n", "several layers need"},
    {LOOP, "# layer a x 1\nSummary Stats\nCycles: 5\nEnergy: 1 uJ\n", "looked for '# end NUMBER'"},
    {LOOP, "# layer a x 1\nSummary Stats\nCycles: 5\nEnergy: 1 uJ\n# end 2\n", "some are missing"},
    {LOOP, "# layer a x 1\n# layer b x 1\n", "layer a: looked for 'Summary Stats'"},
    {LOOP, "# layer a x 0\n", "looked for '# layer NAME x COUNT'"},
    {LOOP, "# layer a x 1.5\n", "looked for '# layer NAME x COUNT'"},
    {LOOP, "# end 0\n", "before the first"},
    {XML, "<profile/>", "Worst-caseLatency, and the report has none"},
    {XML, "<profile>", "is not XML"},
    {XML, "text", "is not XML"},
    {XML, REPORT("?", "4.000"), "the bound of a loop is not known"},
    {XML, REPORT("undef", "4.000"), "the bound of a loop is not known"},
    {XML, REPORT("0", "4.000"), "not a number above 0"},
    {XML, REPORT("500000", "nan"), "not a number above 0"},
    {XML, REPORT("5 ms", "4.000"), "not a number above 0"},
    {XML, REPORT("5</Worst-caseLatency><Worst-caseLatency>6", "4.000"), "is not XML"},
    {XML,
     "<p><PerformanceEstimates><SummaryOfOverallLatency><Worst-caseLatency>5</Worst-caseLatency><Worst-caseLatency>6"
     "</Worst-caseLatency></SummaryOfOverallLatency></PerformanceEstimates></p>",
     "stands there twice"},
    {XML, "<!DOCTYPE p [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]><p>&c;</p>", "document type"},
    {XML, "<!DOCTYPE p SYSTEM 'file:///etc/passwd'><p/>", "document type"},
    {REGEX, "nothing here\n", "looked for 't=([^ ]*)', and no line matches"},
    {REGEX, "t=nan\n", "is not a number"},
    {REGEX, "t=0x10\n", "is not a number"},
    {REGEX, "t=1.5ms\n", "is not a number"},
    {REGEX, "t=\n", "is not a number"},
    {REGEX, "t=0\n", "0 ms, which is no latency"},
    {REGEX, "t=-3\n", "no latency"},
    {REGEX, "t=1.5", "counts as cut off"},
    {{.parser = CONFIG_BOARD_REGEX, .pattern = "x*", .unit = CONFIG_BOARD_MS}, "abc\n", "matches nothing at all"},
};

static void what_is_no_latency_is_refused_with_what_was_looked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct result result = parsed(&wrongs[i].options, wrongs[i].text, strlen(wrongs[i].text), "/");
        const char *name = config_board_parser_word(wrongs[i].options.parser);
        if (result.code != STATUS_BAD_INPUT || strstr(result.status.message, wrongs[i].sentence) == NULL ||
            strstr(result.status.message, name) == NULL)
            fail_msg("case %zu, %s:\n%.400s\ngave %s: %s\nwanted '%s'", i, name, wrongs[i].text, status_name(result.code),
                     result.status.message, wrongs[i].sentence);
        assert_int_equal(result.count, 0);
        assert_null(result.extra.meta);
    }
}

static void binary_output_is_refused(void **state)
{
    (void)state;
    static const char bytes[] = "count=1\0\xff\xfe\x01 count=2\n";
    for (int parser = 0; parser < CONFIG_BOARD_PARSERS; parser++) {
        struct parse_options options = {.parser = (enum config_board_parser)parser, .pattern = "=(.)", .clock_hz = 1};
        struct result result = parsed(&options, bytes, sizeof bytes - 1, "/");
        assert_int_equal(result.code, STATUS_BAD_INPUT);
    }
}

static void nested_xml_ends_in_a_sentence(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    struct parse_options options = XML;
    char *text = malloc(3 * DEPTH + 1);
    assert_non_null(text);
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(text + 3 * i, "<a>", 4);
    struct result result = parsed(&options, text, 3 * DEPTH, "/");
    free(text);
    assert_int_equal(result.code, STATUS_BAD_INPUT);
    assert_non_null(strstr(result.status.message, "nested too deep"));
}

/* --- damage --- */

/* Success means latencies in range; failure leaves nothing behind. */
static void check_sane(const struct result *result, const char *what)
{
    if (result->code == STATUS_OK) {
        if (result->count < 1 || result->count > ROOM || !json_is_object(result->extra.meta))
            fail_msg("%s: success with %d samples", what, result->count);
        for (int i = 0; i < result->count; i++)
            if (!(result->ms[i] >= PARSE_LATENCY_MS_MIN && result->ms[i] <= PARSE_LATENCY_MS_MAX))
                fail_msg("%s: a latency of %g ms", what, result->ms[i]);
    } else if (result->count != 0 || result->extra.meta != NULL || result->status.message[0] == '\0') {
        fail_msg("%s: a failure that says nothing or leaves something", what);
    }
}

/* Whole, or refused: half an output must not give another figure. Where every run is a sample, fewer runs are fine. */
static void output_cut_off_at_any_byte_gives_the_same_figure_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        for (size_t size = 0; size < strlen(sample->text); size++) {
            char *cut = malloc(size + 1);
            assert_non_null(cut);
            memcpy(cut, sample->text, size);
            struct result result = parsed(&sample->options, cut, size, "/");
            free(cut);
            check_sane(&result, sample->what);
            if (result.code == STATUS_OK && (result.ms[0] != sample->first || result.count > sample->count))
                fail_msg("%s cut off at %zu gives %g ms", sample->what, size, result.ms[0]);
            json_decref(result.extra.meta);
        }
    }
}

static void ten_thousand_damaged_outputs_end_in_latencies_or_a_sentence(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20261121);
    for (int round = 0; round < 10000; round++) {
        const struct sample *sample = &samples[rng_below(&rng, SAMPLES)];
        size_t size = strlen(sample->text);
        char *text = malloc(size + 1), what[96];
        assert_non_null(text);
        memcpy(text, sample->text, size + 1);
        for (uint64_t flips = 1 + rng_below(&rng, 8); flips > 0; flips--) {
            static const char likely[] = "0.-+e<>\n &?\"{}[],:=x";
            char byte = rng_below(&rng, 2) ? likely[rng_below(&rng, sizeof likely - 1)] : (char)rng_below(&rng, 256);
            text[rng_below(&rng, size)] = byte;
        }
        snprintf(what, sizeof what, "%s, round %d", sample->what, round);
        struct result result = parsed(&sample->options, text, size, "/");
        check_sane(&result, what);
        json_decref(result.extra.meta);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tool_is_read_in_its_format),
        cmocka_unit_test(what_summaries_say_is_kept),
        cmocka_unit_test_setup_teardown(queries_of_the_warm_up_are_left_out_where_trtexec_tells_their_number, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_result_that_was_not_written_is_said_to_be_absent, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_result_larger_than_allowed_is_refused, make_folder, remove_folder),
        cmocka_unit_test(of_more_samples_than_there_is_room_for_the_last_are_kept),
        cmocka_unit_test(what_is_no_latency_is_refused_with_what_was_looked_for),
        cmocka_unit_test(binary_output_is_refused),
        cmocka_unit_test(nested_xml_ends_in_a_sentence),
        cmocka_unit_test(output_cut_off_at_any_byte_gives_the_same_figure_or_none),
        cmocka_unit_test(ten_thousand_damaged_outputs_end_in_latencies_or_a_sentence),
    };
    return TEST_RUN(tests);
}
