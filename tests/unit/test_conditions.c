/* conditions: a tree of /proc and /sys made by hand: what is read, what stays unknown, what is warned of. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "worker/conditions.h"

/* A temporary root in which files appear. */
struct tree {
    char root[64];
};

static void tree_make(struct tree *tree)
{
    strcpy(tree->root, "/tmp/hwnas-conditions.XXXXXX");
    assert_non_null(mkdtemp(tree->root));
}

static void tree_put(const struct tree *tree, const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", tree->root, path);
    for (char *slash = strchr(whole + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void tree_remove(const struct tree *tree)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", tree->root);
    assert_int_equal(system(command), 0);
}

static const char *const two_cpus = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
                                    "model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz\nflags\t\t: fpu vme avx2\n\n"
                                    "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\nflags\t\t: fpu hypervisor avx\n";

static struct conditions looked_at(const struct tree *tree, int cpu)
{
    struct conditions conditions;
    conditions_read(tree->root, cpu, &conditions);
    return conditions;
}

static void processor_is_brand_family_and_model_in_the_letters_of_a_key(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    tree_put(&tree, "/proc/cpuinfo", two_cpus);
    assert_string_equal(looked_at(&tree, 0).processor, "intel_xeon_gold_6248_6_85");
    tree_remove(&tree);
}

static void each_cpu_of_an_uneven_chip_has_its_own_name(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    tree_put(&tree, "/proc/cpuinfo", two_cpus);
    assert_string_equal(looked_at(&tree, 1).processor, "cortex_a76");
    assert_true(looked_at(&tree, 1).virtual);
    assert_false(looked_at(&tree, 0).virtual);
    tree_remove(&tree);
}

static void an_arm_processor_is_its_board_and_its_core(void **state)
{
    (void)state;
    static const struct {
        const char *cpuinfo, *compatible, *name;
    } arms[] = {
        {"processor: 0\nCPU implementer: 0x41\nCPU part: 0xd08\n", "raspberrypi,4-model-b", "raspberrypi_4_model_b_cortex_a72"},
        /* A 32-bit kernel writes a brand and the board's model, too. */
        {"processor: 0\nmodel name: ARMv7 Processor rev 4 (v7l)\nCPU implementer: 0x41\nCPU part: 0xd03\n\nModel: Raspberry Pi 3\n",
         "raspberrypi,3-model-b-plus", "raspberrypi_3_model_b_plus_cortex_a53"},
        {"processor: 0\nCPU implementer: 0x4e\nCPU part: 0x003\n", "nvidia,p2771-0000", "nvidia_p2771_0000_denver_2"},
        {"processor: 0\nCPU implementer: 0x99\nCPU part: 0x123\n", "", "0x99_0x123"},
        /* Nonsense stays within the letters of a key. */
        {"processor: 0\nCPU implementer: zz\n", "a;\"$(x) \x1b[31m yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
         NULL},
    };
    for (size_t i = 0; i < sizeof arms / sizeof arms[0]; i++) {
        struct tree tree;
        tree_make(&tree);
        tree_put(&tree, "/proc/cpuinfo", arms[i].cpuinfo);
        tree_put(&tree, "/proc/device-tree/compatible", arms[i].compatible);
        struct conditions conditions = looked_at(&tree, 0);
        if (arms[i].name != NULL)
            assert_string_equal(conditions.processor, arms[i].name);
        assert_int_equal(strspn(conditions.processor, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(conditions.processor));
        tree_remove(&tree);
    }
}

static void hostile_brand_gives_a_harmless_name(void **state)
{
    (void)state;
    struct tree tree;
    char text[600] = "processor: 0\nmodel name: a;\"$(x) \x1b[31m ", *end = text + strlen(text);
    memset(end, 'y', 500);
    tree_make(&tree);
    tree_put(&tree, "/proc/cpuinfo", text);
    struct conditions conditions = looked_at(&tree, 0);
    assert_int_equal(strspn(conditions.processor, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(conditions.processor));
    assert_in_range(strlen(conditions.processor), 1, CONDITIONS_PROCESSOR_BYTES - 1);
    tree_remove(&tree);
}

static void an_empty_tree_is_unknown_throughout(void **state)
{
    (void)state;
    struct tree tree;
    char line[512], sentence[256];
    tree_make(&tree);
    struct conditions conditions = looked_at(&tree, 0);
    assert_string_equal(conditions.processor, "unknown");
    assert_true(isnan(conditions.load));
    assert_true(isnan(conditions.temperature_c));
    conditions_print(&conditions, line, sizeof line);
    assert_string_equal(line, "processor=unknown cpu=0 cpus=1 virtual=no");
    assert_false(conditions_warning(&conditions, 0, sentence, sizeof sentence));
    tree_remove(&tree);
}

static void put_a_restless_machine(const struct tree *tree)
{
    tree_put(tree, "/proc/cpuinfo", two_cpus);
    tree_put(tree, "/proc/loadavg", "3.25 1.00 0.50 4/321 999\n");
    tree_put(tree, "/sys/devices/system/cpu/online", "0-1,4\n");
    tree_put(tree, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
    tree_put(tree, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1800000\n");
    tree_put(tree, "/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    tree_put(tree, "/sys/class/thermal/thermal_zone0/temp", "41000\n");
    tree_put(tree, "/sys/class/thermal/thermal_zone1/temp", "67500\n");
    tree_put(tree, "/sys/class/thermal/thermal_zone2/temp", "broken\n");
}

static void conditions_are_one_line_of_pairs(void **state)
{
    (void)state;
    struct tree tree;
    char line[512];
    tree_make(&tree);
    put_a_restless_machine(&tree);
    struct conditions conditions = looked_at(&tree, 1);
    conditions_print(&conditions, line, sizeof line);
    assert_string_equal(line, "processor=cortex_a76 cpu=1 cpus=3 governor=powersave frequency_mhz=1800 boost=on temperature_c=67.5 "
                              "load=3.25 virtual=yes");
    tree_remove(&tree);
}

static void governor_turbo_load_and_hypervisor_are_warned_of(void **state)
{
    (void)state;
    static const char *const words[] = {"'powersave'", "turbo", "load 3.25 on 3", "virtual machine"};
    struct tree tree;
    char sentence[256];
    tree_make(&tree);
    put_a_restless_machine(&tree);
    struct conditions conditions = looked_at(&tree, 1);
    for (int i = 0; i < 4; i++) {
        assert_true(conditions_warning(&conditions, i, sentence, sizeof sentence));
        assert_non_null(strstr(sentence, words[i]));
    }
    assert_false(conditions_warning(&conditions, 4, sentence, sizeof sentence));
    tree_remove(&tree);
}

/* A Raspberry Pi 4 whose supply is weak and that has been hot. */
static void put_a_raspberry_pi(const struct tree *tree)
{
    tree_put(tree, "/proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n");
    tree_put(tree, "/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4");
    tree_put(tree, "/proc/meminfo", "MemTotal:        3884360 kB\nMemFree:          100 kB\nMemAvailable:    3145728 kB\n");
    tree_put(tree, "/proc/self/status", "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\n");
    tree_put(tree, "/sys/devices/system/cpu/online", "0-3\n");
    tree_put(tree, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    tree_put(tree, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n");
    tree_put(tree, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "1500000\n");
    tree_put(tree, "/sys/class/thermal/thermal_zone0/temp", "61322\n");
    tree_put(tree, "/sys/devices/platform/soc/soc:firmware/get_throttled", "e0008\n");
}

static void the_compatible_list_ends_its_first_name_with_a_nul(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    put_a_raspberry_pi(&tree);
    char path[512];
    snprintf(path, sizeof path, "%s/proc/device-tree/compatible", tree.root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite("raspberrypi,4-model-b\0brcm,bcm2711", 1, 35, file);
    fclose(file);
    assert_string_equal(looked_at(&tree, 0).processor, "raspberrypi_4_model_b_cortex_a72");
    tree_remove(&tree);
}

static void a_raspberry_pi_tells_its_model_memory_and_throttling(void **state)
{
    (void)state;
    struct tree tree;
    char line[512];
    tree_make(&tree);
    put_a_raspberry_pi(&tree);
    struct conditions conditions = looked_at(&tree, 0);
    conditions_print(&conditions, line, sizeof line);
    assert_string_equal(line, "processor=cortex_a72 cpu=0 cpus=4 affinity=0-3 governor=performance frequency_mhz=1500 "
                              "frequency_max_mhz=1500 temperature_c=61.3 memory_mb=3072 virtual=no "
                              "model=raspberry_pi_4_model_b_rev_1.4 throttled=0xe0008");
    tree_remove(&tree);
}

static void heat_and_a_weak_supply_are_warned_of(void **state)
{
    (void)state;
    struct tree tree;
    char sentence[256];
    tree_make(&tree);
    put_a_raspberry_pi(&tree);
    struct conditions conditions = looked_at(&tree, 0);
    assert_true(conditions_warning(&conditions, 0, sentence, sizeof sentence));
    assert_non_null(strstr(sentence, "slows its clock"));
    assert_false(conditions_warning(&conditions, 1, sentence, sizeof sentence));
    tree_put(&tree, "/sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n");
    conditions = looked_at(&tree, 0);
    assert_true(conditions_warning(&conditions, 0, sentence, sizeof sentence));
    assert_non_null(strstr(sentence, "has been too low"));
    assert_true(conditions_warning(&conditions, 1, sentence, sizeof sentence));
    assert_non_null(strstr(sentence, "has slowed its clock"));
    tree_remove(&tree);
}

static void a_low_voltage_is_seen_where_the_kernel_has_a_sensor_alone(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    tree_put(&tree, "/sys/class/hwmon/hwmon0/name", "cpu_thermal\n");
    tree_put(&tree, "/sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n");
    tree_put(&tree, "/sys/class/hwmon/hwmon1/name", "rpi_volt\n");
    tree_put(&tree, "/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n");
    assert_int_equal(looked_at(&tree, 0).throttled, 0);
    tree_put(&tree, "/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
    assert_int_equal(looked_at(&tree, 0).throttled, CONDITIONS_UNDER_VOLTAGE);
    tree_remove(&tree);
}

static void a_jetson_tells_its_graphics_clock_and_power_mode(void **state)
{
    (void)state;
    struct tree tree;
    char line[512], sentence[256];
    tree_make(&tree);
    tree_put(&tree, "/sys/class/devfreq/17000000.gp10b/cur_freq", "1122000000\n");
    tree_put(&tree, "/sys/class/devfreq/17000000.gp10b/min_freq", "114750000\n");
    tree_put(&tree, "/sys/class/devfreq/17000000.gp10b/max_freq", "1300500000\n");
    tree_put(&tree, "/sys/class/devfreq/15340000.vic/cur_freq", "999\n");
    tree_put(&tree, "/var/lib/nvpmodel/status", "pmode:0002\n");
    struct conditions conditions = looked_at(&tree, 0);
    conditions_print(&conditions, line, sizeof line);
    assert_non_null(strstr(line, " gpu_mhz=1122 gpu_fixed=no power_mode=2"));
    assert_true(conditions_warning(&conditions, 0, sentence, sizeof sentence));
    assert_non_null(strstr(sentence, "jetson_clocks"));
    tree_put(&tree, "/sys/class/devfreq/17000000.gp10b/min_freq", "1300500000\n");
    conditions = looked_at(&tree, 0);
    assert_true(conditions.gpu_fixed);
    assert_false(conditions_warning(&conditions, 0, sentence, sizeof sentence));
    tree_remove(&tree);
}

static void nonsense_in_a_board_s_files_is_unknown(void **state)
{
    (void)state;
    struct tree tree;
    char line[512];
    tree_make(&tree);
    tree_put(&tree, "/sys/devices/platform/soc/soc:firmware/get_throttled", "12zz\n");
    tree_put(&tree, "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "many\n");
    tree_put(&tree, "/sys/class/devfreq/17000000.gp10b/cur_freq", "nan\n");
    tree_put(&tree, "/var/lib/nvpmodel/status", "pmode:x\n");
    tree_put(&tree, "/proc/meminfo", "MemAvailable: lots\n");
    tree_put(&tree, "/proc/self/status", "Cpus_allowed_list:\t$(reboot)\n");
    struct conditions conditions = looked_at(&tree, 0);
    conditions_print(&conditions, line, sizeof line);
    assert_string_equal(line, "processor=unknown cpu=0 cpus=1 virtual=no");
    tree_remove(&tree);
}

static void slow_downs_of_a_processor_are_counted(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    tree_put(&tree, "/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "17\n");
    assert_near(looked_at(&tree, 1).throttle_count, 17, 0, 0);
    assert_true(isnan(looked_at(&tree, 0).throttle_count));
    tree_remove(&tree);
}

static void a_line_that_does_not_fit_is_cut_off(void **state)
{
    (void)state;
    struct tree tree;
    char line[16];
    tree_make(&tree);
    put_a_restless_machine(&tree);
    struct conditions conditions = looked_at(&tree, 1);
    conditions_print(&conditions, line, sizeof line);
    assert_string_equal(line, "processor=corte");
    tree_remove(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processor_is_brand_family_and_model_in_the_letters_of_a_key),
        cmocka_unit_test(each_cpu_of_an_uneven_chip_has_its_own_name),
        cmocka_unit_test(an_arm_processor_is_its_board_and_its_core),
        cmocka_unit_test(the_compatible_list_ends_its_first_name_with_a_nul),
        cmocka_unit_test(hostile_brand_gives_a_harmless_name),
        cmocka_unit_test(an_empty_tree_is_unknown_throughout),
        cmocka_unit_test(conditions_are_one_line_of_pairs),
        cmocka_unit_test(governor_turbo_load_and_hypervisor_are_warned_of),
        cmocka_unit_test(a_raspberry_pi_tells_its_model_memory_and_throttling),
        cmocka_unit_test(heat_and_a_weak_supply_are_warned_of),
        cmocka_unit_test(a_low_voltage_is_seen_where_the_kernel_has_a_sensor_alone),
        cmocka_unit_test(a_jetson_tells_its_graphics_clock_and_power_mode),
        cmocka_unit_test(nonsense_in_a_board_s_files_is_unknown),
        cmocka_unit_test(slow_downs_of_a_processor_are_counted),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut_off),
    };
    return TEST_RUN(tests);
}
