# hwnas: build, test and demo. `make help` lists the targets.
#
# One file; it calls itself only to build what `make test` runs for other architectures. Objects live under build/<flavour>/, so sanitizer flavours stand side by side. System packages are installed by
# scripts/install-deps (only what is missing; needs root then), which is the first prerequisite of every object.

# As many jobs as CPUs unless the command line says otherwise (-j1). What `make test` builds for boards shares those of its caller.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

comma   := ,
SAN     ?=
CFLAGS  ?= -O2 -g
# Debian's name of a board's architecture (arm64, armhf): cross-compiles the agent alone, with all its libraries in the one file.
ARCH    ?=
triplet_arm64 := aarch64-linux-gnu
triplet_armhf := arm-linux-gnueabihf
ifneq ($(and $(ARCH),$(if $(triplet_$(ARCH)),,none)),)
$(error ARCH is '$(ARCH)'; it must be arm64 or armhf, or nothing for this machine)
endif
# libFuzzer is clang's; nothing else here is (make fuzz).
CC      := $(if $(filter fuzzer,$(SAN)),clang-14,$(if $(ARCH),$(triplet_$(ARCH))-)gcc)
# 32-bit ARM is the one place where files and times have 64 bits only when asked for.
wide_armhf := -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
# What the compiler makes programs for: x86_64, aarch64 (NEON is its baseline) or arm (Debian's armhf has no NEON: some boards have it).
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null || uname -m)))
AR      := $(if $(ARCH),$(triplet_$(ARCH))-)ar
SYSROOT := $(if $(ARCH),$(shell scripts/install-deps --sysroot $(ARCH)))
FLAVOUR := $(if $(ARCH),$(ARCH)-)$(if $(SAN),$(SAN),release)
BUILD   ?= build
B       := $(BUILD)/$(FLAVOUR)

PACKAGES := libzmq libuv libprotobuf-c sqlite3 libsodium jansson libcyaml yaml-0.1 expat zlib openblas
# Evaluated once, on first use: by then install-deps has run.
ifeq ($(ARCH),)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
else
PKG_CFLAGS := --sysroot=$(SYSROOT) $(wide_$(ARCH))
endif
# LAPACK as the reference has it, from static libraries and not OpenBLAS's: what a search computes must be the same on every processor,
# and the master is to need no OpenBLAS (master/eigen.h). It becomes a part of eigen.o, and its names stay in there: where they are in
# sight, a program that has the engine too would compute with the reference's matrix products, ten times slower than OpenBLAS's.
NETLIB      = $(patsubst %,/usr/lib/$(shell $(CC) -print-multiarch)/%,lapack/liblapack.a blas/libblas.a)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PKG_LIBS)

SANITIZE := $(if $(filter fuzzer,$(SAN)),address$(comma)undefined$(comma)fuzzer-no-link,$(SAN))
WARNINGS := $(if $(filter fuzzer,$(SAN)),,-Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror))
# What the compiler puts in the way of memory errors; tests/e2e/hardening.sh looks for it in the programs.
branches := $(if $(filter x86_64,$(MACHINE)),-fcf-protection=full)$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
HARDEN   := $(if $(SAN),,-D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero $(branches)) -fPIE
# HASH_NONFATAL_OOM: uthash must not end the process; an element that could not be added has no hh.tbl.
# -ffp-contract=off: what a search asks must not depend on whether the processor it was built for can multiply and add in one step.
# Tests make a size of 64 random bits and care not how wide it is.
$(if $(ARCH),$(B)/tests/%.o: WARNINGS += -Wno-conversion)
override CFLAGS += -std=gnu11 -ffp-contract=off -D_GNU_SOURCE -DHASH_NONFATAL_OOM=1 -I. -I$(B)/gen $(WARNINGS) $(HARDEN) \
                   $(if $(SAN),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer $(if $(filter undefined fuzzer,$(SAN)),-fno-sanitize-recover=all))
# --as-needed: a program asks at run time for the libraries that it calls, and for no others.
override LDFLAGS += -pie -Wl,--as-needed $(if $(SAN),-fsanitize=$(SANITIZE),$(foreach word,relro now noexecstack separate-code,-Wl$(comma)-z$(comma)$(word)))

# make V=1 shows the commands.
Q   := $(if $(V),,@)
say  = @$(if $(V),:,printf '  %-5s %s\n' $(1) $@)

# Where Debian's libonnx-dev keeps onnx.proto.
ONNX_PROTO_DIR ?= /usr/include/onnx

# --- sources -------------------------------------------------------------------------------------------------------------------------
MAINS       := master/hwnas_main.c master/master_main.c worker/worker_main.c worker/agent_main.c
COMMON_SRC  := $(sort $(wildcard common/*.c))
WORKER_SRC  := $(sort $(filter-out $(MAINS),$(wildcard worker/*.c)) $(wildcard worker/engine/*.c))
MASTER_SRC  := $(sort $(filter-out $(MAINS),$(wildcard master/*.c)))
# The convolution and element-wise kernels: one source, compiled once per instruction set, picked at run time.
KERNEL_SRC  := $(filter worker/engine/kernels%.c,$(WORKER_SRC))
# Linked into the agent instead of worker/engine/blas.c, so that a board needs no OpenBLAS; and all that a fully static agent lacks.
PLAIN_SRC   := worker/engine/blas_plain.c
STATIC_SRC  := worker/agent_static.c
WORKER_SRC  := $(filter-out $(KERNEL_SRC) $(PLAIN_SRC) $(STATIC_SRC) $(if $(ARCH),worker/engine/blas.c),$(WORKER_SRC))
# What the fuzz targets reach of the worker: not the engine, whose kernels are gcc's.
ifeq ($(SAN),fuzzer)
WORKER_SRC  := $(filter worker/parse% worker/data%,$(WORKER_SRC))
KERNEL_SRC  :=
endif
ISAS        := $(if $(filter aarch64,$(MACHINE)),neon,portable $(if $(filter x86_64,$(MACHINE)),avx2 avx512) $(if $(filter arm,$(MACHINE)),neon))
isa_portable := -DENGINE_LANES=4
# gcc takes NEON of 32-bit ARM for floats only where numbers next to zero may become zero; nothing else may be given up.
isa_neon     := -DENGINE_LANES=4 $(if $(filter arm,$(MACHINE)),-mfpu=neon-vfpv4 -funsafe-math-optimizations -fsigned-zeros \
                -fno-associative-math -fno-reciprocal-math)
isa_avx2     := -DENGINE_LANES=8 -mavx2 -mfma
isa_avx512   := -DENGINE_LANES=16 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
# In the double flavour a vector register holds half as many.
real64_avx2   := -UENGINE_LANES -DENGINE_LANES=4
real64_avx512 := -UENGINE_LANES -DENGINE_LANES=8
# They have no arrays to protect on the stack; zeroing what they keep there first cost them up to 13 % of their instructions.
KERNEL_FLAGS := -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wno-psabi \
                -ftrivial-auto-var-init=uninitialized -fno-stack-clash-protection
# ThreadSanitizer looks at who calls the kernels, not inside: they keep no state of their own, and watched they take thirty times as long.
KERNEL_FLAGS += $(if $(filter thread,$(SAN)),-fno-sanitize=thread)

GEN_SRC := $(B)/gen/hwnas.pb-c.c $(B)/gen/onnx.pb-c.c
GEN_HDR := $(GEN_SRC:.c=.h) $(patsubst master/%,$(B)/gen/%.h,$(wildcard master/schema*.sql))

objects = $(patsubst %.c,$(B)/%.o,$(1))
COMMON_LIB := $(B)/libcommon.a
WORKER_LIB := $(B)/libworker.a
MASTER_LIB := $(B)/libmaster.a
KERNEL_OBJ := $(foreach isa,$(ISAS),$(patsubst %.c,$(B)/%.$(isa).o,$(KERNEL_SRC)))
REAL64_LIB := $(B)/real64/libengine.a
TEST_LIB   := $(B)/libtest.a

PROGRAMS := $(if $(ARCH),,$(B)/hwnas $(B)/hwnas-master $(B)/hwnas-worker) $(B)/hwnas-agent

# Golden tests compute for long on one thread each: ThreadSanitizer has nothing to find there.
THREADED   := $(filter thread,$(SAN))
UNIT_TESTS := $(patsubst %.c,$(B)/%.t,$(sort $(wildcard tests/unit/*.c tests/sim/test_*.c $(if $(THREADED),,tests/golden/*.c))))
E2E_TESTS  := $(sort $(wildcard tests/e2e/*.sh)) tests/sim/mutants.sh $(sort $(filter-out $(addprefix tests/chaos/,tap.py zmtp.py cluster.py judge.py relay.py check_ledgers.py),$(wildcard tests/chaos/*.py)))
# What runs for boards under qemu (tests/support/board.sh), where this machine has what it takes: scripts/install-deps --arch ARCH.
BOARDS      := $(if $(ARCH)$(SAN),,$(foreach arch,arm64 armhf,$(shell scripts/install-deps --have $(arch) >/dev/null && echo $(arch))))
BOARD_TESTS := $(addprefix $(B)/tests/unit/,test_engine_ops.t test_engine.t test_space_fbnet.t test_conditions.t test_wire.t test_tensorfile.t)
# Tests of the engine run a second time on a library with double in place of float: the oracle for its arithmetic.
REAL64_SRC   := $(filter worker/engine/% worker/rmi.c worker/bvae.c worker/dense.c worker/prune.c,$(WORKER_SRC))
REAL64_TESTS := $(patsubst %.c,$(B)/real64/%.t,$(wildcard tests/golden/test_golden_engine.c tests/unit/test_engine_ops.c tests/unit/test_bvae.c))
UNIT_TESTS   += $(if $(THREADED),,$(REAL64_TESTS))
# The fuzz targets: with libFuzzer (make fuzz), and as tests that replay their corpora.
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TESTS   := $(patsubst %.c,$(B)/%.t,$(FUZZ_SRC))
UNIT_TESTS   += $(if $(THREADED),,$(FUZZ_TESTS))
# What replaces malloc, or the calls that write files, is linked into the programs that are about them, and into no others.
# tool.c and intruder.c are programs by themselves: what the command runner is tried with, and who says what its key may not say. Boards have no SQLite.
TEST_HELP  := $(filter-out $(addprefix tests/support/,failing_malloc.c no_threads.c disk.c disk_cut.c tool.c intruder.c crash.c peer_job.c peer_ledger.c \
                $(if $(ARCH),store_case.c turns.c operations.c)),$(sort $(wildcard tests/support/*.c)))
TEST_TOOL  := $(B)/tests/support/tool
INTRUDER   := $(B)/tests/support/intruder
# What tests/chaos kills, cuts off and starves: a master with crash points, peers that write down what they sent and heard.
CHAOS      := $(addprefix $(B)/chaos/,hwnas-master hwnas-worker hwnas-agent no_threads.so)
CRASH_SRC  := $(shell grep -l '"common/crash.h"' $(MASTER_SRC) $(COMMON_SRC))
# What tests/e2e/instructions.sh counts the instructions of.
COUNTED    := $(if $(SAN),,$(B)/tests/bench/bench_count)
BENCHES    := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/bench/*.c)))

# --- what people type ----------------------------------------------------------------------------------------------------------------
.DEFAULT_GOAL := all
.PHONY: all agent board-tests help test test-all test-quick fuzz fuzzers demo bench fmt lint check install clean deps always
.SECONDARY:
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' Makefile
	@echo '  SAN=address|undefined|thread builds and tests that flavour under build/SAN; CI=1 makes warnings errors'

all: $(PROGRAMS) ## build the four programs into build/release/

agent: $(B)/hwnas-agent ## build the agent; with ARCH=arm64 or armhf for a board, into build/ARCH-release/

deps: ## install the Debian packages that are missing (needs root)
	scripts/install-deps

test: $(PROGRAMS) $(CHAOS) $(INTRUDER) $(COUNTED) $(UNIT_TESTS) $(addprefix board-,$(BOARDS)) ## run every test; ends with prove's `Result: PASS`
	$(Q)scripts/run-tests $(B) $(UNIT_TESTS) $(E2E_TESTS)

test-all: ## every test at its full length (docs/RELIABILITY.md): hours of faults instead of minutes
	+$(Q)HWNAS_FULL=1 $(MAKE) --no-print-directory test

board-tests: $(PROGRAMS) $(BOARD_TESTS)

board-%:
	+$(Q)$(MAKE) --no-print-directory ARCH=$* board-tests

test-quick: $(PROGRAMS) $(UNIT_TESTS) ## unit, simulation and golden tests only
	$(Q)scripts/run-tests $(B) $(UNIT_TESTS)

fuzz: ## libFuzzer on every target for FUZZ_SECONDS (60) each, FUZZ='wire onnx' some of them; needs scripts/install-deps --fuzz
	+$(Q)$(MAKE) --no-print-directory SAN=fuzzer fuzzers
	$(Q)scripts/fuzz $(BUILD) $(FUZZ)

fuzzers: $(patsubst %.c,$(B)/%,$(FUZZ_SRC))

demo: $(PROGRAMS) ## a whole search on Fashion-MNIST on this machine, under 5 minutes
	scripts/demo $(B)

bench: $(PROGRAMS) $(BENCHES) ## measure fronts, the master and the engine beside limits and peers (docs/PERFORMANCE.md)
	scripts/bench $(B)

fmt: ## format the C sources
	clang-format -i $$(git ls-files '*.c' '*.h')

lint: ## formatting and the include rules
	scripts/check

PREFIX ?= /usr/local
install: $(PROGRAMS) ## install programs, systemd units, documentation below $(PREFIX) (DESTDIR=... for a package)
	scripts/install $(B) $(PREFIX) $(DESTDIR)

clean: ## remove build/
	rm -rf $(BUILD)

# --- rules ---------------------------------------------------------------------------------------------------------------------------
DEPS_STAMP := $(if $(ARCH),$(B),$(BUILD))/deps.stamp
$(DEPS_STAMP): scripts/install-deps
	scripts/install-deps $(if $(ARCH),--arch $(ARCH))
	@mkdir -p $(@D) && touch $@

# Objects that were made with other flags are made anew. Warnings change no object.
FLAGS_STAMP := $(B)/flags.stamp
$(FLAGS_STAMP): always | $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo '$(CC) $(filter-out -W%,$(CFLAGS)) $(KERNEL_FLAGS)' | cmp -s - $@ || echo '$(CC) $(filter-out -W%,$(CFLAGS)) $(KERNEL_FLAGS)' > $@

$(B)/gen/hwnas.pb-c.c: proto/hwnas.proto | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(call say,PROTO)
	$(Q)protoc-c --proto_path=proto --c_out=$(@D) $<

$(B)/gen/onnx.pb-c.c: | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(call say,PROTO)
	$(Q)protoc-c --proto_path=$(ONNX_PROTO_DIR) --c_out=$(@D) onnx.proto

$(B)/gen/%.pb-c.h: $(B)/gen/%.pb-c.c ;

# The schema and its later versions as C string literals, line by line.
$(B)/gen/%.sql.h: master/%.sql
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@

$(B)/gen/%.o: $(B)/gen/%.c $(FLAGS_STAMP)
	$(call say,CC)
	$(Q)$(CC) $(filter-out -W%,$(CFLAGS)) $(PKG_CFLAGS) -c $< -o $@

$(B)/%.o: %.c $(FLAGS_STAMP) | $(DEPS_STAMP) $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(B)/master/eigen.o: master/eigen.c $(FLAGS_STAMP) | $(DEPS_STAMP) $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $(@:.o=.alone)
	$(Q)$(CC) -r -nostdlib $(@:.o=.alone) $(NETLIB) -o $@
	$(Q)objcopy --keep-global-symbol=eigen_symmetric $@

$(B)/real64/%.o: %.c $(FLAGS_STAMP) | $(DEPS_STAMP) $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -DENGINE_REAL=double $(PKG_CFLAGS) -MMD -MP -c $< -o $@

# $(1): instruction set; $(2): folder of the objects; $(3): more flags
define kernel_rule
$(2)/%.$(1).o: %.c $(FLAGS_STAMP) | $(DEPS_STAMP)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$(CC) $(CFLAGS) $(KERNEL_FLAGS) $(isa_$(1)) -DENGINE_ISA=$(1) $(3) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call kernel_rule,$(isa),$(B),)))
$(foreach isa,$(ISAS),$(eval $(call kernel_rule,$(isa),$(B)/real64,-DENGINE_REAL=double $(real64_$(isa)))))

$(COMMON_LIB): $(call objects,$(COMMON_SRC)) $(GEN_SRC:.c=.o)
$(WORKER_LIB): $(call objects,$(WORKER_SRC)) $(KERNEL_OBJ)
$(MASTER_LIB): $(call objects,$(MASTER_SRC))
$(TEST_LIB): $(call objects,$(TEST_HELP))
$(REAL64_LIB): $(patsubst %.c,$(B)/real64/%.o,$(REAL64_SRC)) $(KERNEL_OBJ:$(B)/%=$(B)/real64/%)
%.a:
	$(call say,AR)
	@mkdir -p $(@D) && rm -f $@
	$(Q)$(AR) rcs $@ $^

define LINK
@mkdir -p $(@D)
$(call say,LINK)
$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -lm -lpthread -o $@
endef
$(B)/hwnas:        $(B)/master/hwnas_main.o  $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(LINK)
$(B)/hwnas-master: $(B)/master/master_main.o $(MASTER_LIB) $(COMMON_LIB)
	$(LINK)
$(B)/hwnas-worker: $(B)/worker/worker_main.o $(WORKER_LIB) $(COMMON_LIB)
	$(LINK)
# Objects before the libraries stand in for those of the same functions in them.
$(B)/chaos/%.o: %.c | $(DEPS_STAMP) $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -DHWNAS_CRASH_POINTS $(PKG_CFLAGS) -MMD -MP -c $< -o $@

PEER_WRAP := $(foreach name,wire_encode ledger_ack ledger_welcome job_work,-Wl,--wrap=$(name))
$(B)/chaos/hwnas-worker $(B)/chaos/hwnas-agent: override LDFLAGS += $(PEER_WRAP)
$(B)/chaos/hwnas-master: $(B)/master/master_main.o $(patsubst %.c,$(B)/chaos/%.o,$(CRASH_SRC)) $(B)/tests/support/crash.o $(MASTER_LIB) $(COMMON_LIB)
	$(LINK)
$(B)/chaos/hwnas-worker: $(B)/worker/worker_main.o $(B)/tests/support/peer_job.o $(B)/tests/support/peer_ledger.o $(WORKER_LIB) $(COMMON_LIB)
	$(LINK)
$(B)/chaos/hwnas-agent: $(B)/worker/agent_main.o $(call objects,$(PLAIN_SRC)) $(B)/tests/support/peer_ledger.o $(WORKER_LIB) $(COMMON_LIB)
	$(LINK)
$(B)/chaos/no_threads.so: tests/support/no_threads.c | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -O1 -g -std=gnu11 -D_GNU_SOURCE $(filter-out -Wmissing-prototypes,$(WARNINGS)) -fPIC -shared $< -o $@
AGENT_OBJ := $(B)/worker/agent_main.o $(call objects,$(PLAIN_SRC))
ifeq ($(ARCH),)
$(B)/hwnas-agent:  $(AGENT_OBJ) $(WORKER_LIB) $(COMMON_LIB)
	$(LINK)
else
STATIC_LIBS := -lcyaml -lyaml -lexpat -lzmq -lsodium -lbsd -lmd -luv_a -lprotobuf-c -ljansson -lz -lstdc++ -lm
$(B)/hwnas-agent:  $(AGENT_OBJ) $(call objects,$(STATIC_SRC)) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) --sysroot=$(SYSROOT) $(filter-out -pie,$(LDFLAGS)) $(if $(filter arm64,$(ARCH)),-static-pie,-static) -Wl,--no-warnings $^ $(STATIC_LIBS) -o $@
endif

ifeq ($(ARCH),)
$(B)/tests/%.t: $(B)/tests/%.o $(TEST_LIB) $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -lcmocka -lm -lpthread -o $@
else
# cmocka has no static library: these run under qemu, with the C library of the board's folder.
$(B)/tests/%.t: $(B)/tests/%.o $(TEST_LIB) $(call objects,$(PLAIN_SRC)) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) --sysroot=$(SYSROOT) $(LDFLAGS) $^ -Wl,-Bstatic $(STATIC_LIBS) -Wl,-Bdynamic -lcmocka -o $@
endif

# Studies that want trainings of one-shot nets (tests/support/train_wants).
$(B)/tests/unit/test_coord_artifacts.t: override LDFLAGS += -Wl,--wrap=study_want -Wl,--wrap=search_weights_check

# The simulated cluster: its disk is under SQLite, its commits come between the coordinator and the store.
SIM_WRAP := $(foreach name,store_commit study_want search_weights_check space_open space_close,-Wl,--wrap=$(name))
SIM_OBJ  := $(call objects,$(sort $(filter-out tests/sim/test_%,$(wildcard tests/sim/*.c))))
$(B)/tests/sim/test_cluster%.t: $(B)/tests/sim/test_cluster%.o $(SIM_OBJ) $(TEST_LIB) $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SIM_WRAP) $^ $(PKG_LIBS) -lcmocka -lm -lpthread -o $@

# Objects that stand in for others of the libraries come before these.
$(B)/tests/fuzz/%.t: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/fuzz.o $(B)/tests/fuzz/replay.o $(TEST_LIB) $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -lcmocka -lm -lpthread -o $@

# A coordinator for each input: opening its search space would take longer than all else (fuzz_coord.c).
$(B)/tests/fuzz/fuzz_coord $(B)/tests/fuzz/fuzz_coord.t: override LDFLAGS += -Wl,--wrap=space_open -Wl,--wrap=space_close

# No cmocka in what these share with other tests.
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/fuzz.o $(B)/tests/support/lone_master.o $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer $^ $(PKG_LIBS) -lm -lpthread -o $@

$(B)/tests/fuzz/seeds: $(B)/tests/fuzz/seeds.o $(B)/tests/fuzz/fuzz.o $(TEST_LIB) $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(LINK)

$(filter %_memory.t,$(UNIT_TESTS)): $(B)/tests/support/failing_malloc.o
$(filter %/test_store_power.t %/test_store_faults.t %/test_store_upgrade.t %/test_coord_commit.t,$(UNIT_TESTS)): $(B)/tests/support/disk.o $(B)/tests/support/disk_cut.o
$(filter %/test_command.t %/test_hostile.t %/test_runner_command.t,$(UNIT_TESTS)): | $(TEST_TOOL)

# Without sanitizers: it is to run in little memory.
$(TEST_TOOL): tests/support/tool.c | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -O1 -g -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $< -o $@

$(INTRUDER): $(B)/tests/support/intruder.o $(TEST_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -lm -lpthread -o $@

$(B)/real64/tests/%.t: $(B)/real64/tests/%.o $(TEST_LIB) $(REAL64_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -lcmocka -lm -lpthread -o $@

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(TEST_LIB) $(MASTER_LIB) $(WORKER_LIB) $(COMMON_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -lm -lpthread -o $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)
