# assentd. `make help` lists the targets; V=1 shows the commands; WERROR=1 makes warnings errors.
# CFLAGS, CPPFLAGS and LDFLAGS are the user's: they are added to what the project needs, never put in its place.
VERSION := 0.1.0

BUILD       ?= build
DESTDIR     ?=
PREFIX      ?= /usr/local
BINDIR      ?= $(PREFIX)/bin
SBINDIR     ?= $(PREFIX)/sbin
MANDIR      ?= $(PREFIX)/share/man
DOCDIR      ?= $(PREFIX)/share/doc/assentd
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR  ?= /etc
CFLAGS      ?= -O2 -g
PKG_CONFIG  ?= pkg-config
SCDOC       ?= scdoc
CLANG_FORMAT ?= clang-format
# SANITIZE: address,undefined or thread or fuzzer. COVERAGE=1: for gcov. Each builds in a directory of its own.
SANITIZE    ?=
COVERAGE    ?=
# Which tests `unit` and `integration` run: file names without .c, with * and ?, as in TESTS='*gate* test_policy'.
TESTS       ?= test_*
# For `unit`: what to run each test under. For the daemon in integration tests, export ASSENT_TEST_WRAPPER.
WRAPPER     ?=
# The time that each test program has, and how many run at once.
TEST_SECONDS ?= 600
TEST_JOBS   ?= 2
ifeq ($(origin CC),default)
CC := $(if $(filter fuzzer,$(SANITIZE)),clang,gcc)
endif

# ---- flags

comma := ,
OUT := $(BUILD)$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))$(if $(COVERAGE),/coverage)

LIBRARIES := libmicrohttpd gnutls jansson libcurl sqlite3 libcrypto libsystemd libseccomp
# Asked for at the first compilation, and once: a bare machine has no pkg-config until `deps` has run.
pkg = $(shell $(PKG_CONFIG) $(1))$(if $(filter 0,$(.SHELLSTATUS)),,$(error libraries are missing: run "make deps"))
LIB_CFLAGS   = $(eval LIB_CFLAGS := $(call pkg,--cflags $(LIBRARIES)))$(LIB_CFLAGS)
LIB_LIBS     = $(eval LIB_LIBS := $(call pkg,--libs $(LIBRARIES)))$(LIB_LIBS)
CHECK_CFLAGS = $(eval CHECK_CFLAGS := $(call pkg,--cflags check))$(CHECK_CFLAGS)
CHECK_LIBS   = $(eval CHECK_LIBS := $(call pkg,--libs check))$(CHECK_LIBS)

WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wmissing-declarations -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings \
	-Wcast-align -Wredundant-decls -Wdate-time $(if $(filter 1,$(WERROR)),-Werror)
# Fortification needs an optimising compiler, hides reads from the sanitizers, and may be the user's already.
FORTIFY := $(if $(SANITIZE)$(COVERAGE)$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,$(if \
	$(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-D_FORTIFY_SOURCE=2))
ifeq ($(SANITIZE),fuzzer)
INSTRUMENT := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifneq ($(SANITIZE),)
INSTRUMENT := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
INSTRUMENT += $(if $(COVERAGE),--coverage -O0)

ASSENT_CPPFLAGS := -Iinclude -D_GNU_SOURCE $(FORTIFY) -DASSENT_VERSION=\"$(VERSION)\" \
	-DASSENT_SYSCONFDIR=\"$(SYSCONFDIR)\"
ASSENT_CFLAGS := -std=c11 -pthread $(WARNINGS) -fstack-protector-strong -fPIE
ASSENT_LDFLAGS := -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed

COMPILE = $(CC) $(ASSENT_CPPFLAGS) $(TEST_CPPFLAGS) $(LIB_CFLAGS) $(CPPFLAGS) $(ASSENT_CFLAGS) $(CFLAGS) $(INSTRUMENT) -MMD -MP
LINK    = $(CC) $(ASSENT_LDFLAGS) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS)
run     = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2);)

# ---- files

c-files = $(sort $(wildcard $(addsuffix /*.c,$(1))))
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
# One binary for each source: tests/bench/load.c is $(OUT)/tests/bench/load.
binaries = $(patsubst %.c,$(OUT)/%,$(1))

MAINS := $(wildcard src/main.c src/ctl/main.c)
LIB_OBJECTS := $(call objects,$(filter-out $(MAINS),$(call c-files,src src/* src/*/*)))
PROGRAMS := $(if $(wildcard src/main.c),$(OUT)/assentd) $(if $(wildcard src/ctl/main.c),$(OUT)/assentctl)

# In tests/unit and tests/integration only test_*.c are tests; the others are helpers, as all of tests/support is.
tests = $(filter tests/$(1)/test_%,$(sort $(foreach t,$(TESTS),$(wildcard tests/$(1)/$(t).c))))
UNIT_TESTS := $(call binaries,$(call tests,unit))
INTEGRATION_TESTS := $(call binaries,$(call tests,integration))
TEST_PROGRAMS := $(call binaries,$(call c-files,tests/programs tests/bench tests/torture))
# What the demo needs beside the programs: it must build without the packages of the tests.
DEMO_PROGRAMS := $(call binaries,$(call c-files,tests/demo))
# The stand-in of the approval service is one program, for the tests and the demo.
SERVICE := $(OUT)/tests/service/approval_service
SERVICE_SOURCES := $(call c-files,tests/service)
FUZZERS := $(call binaries,$(call c-files,tests/fuzz))
TEST_SOURCES := $(call c-files,tests/unit tests/integration tests/programs tests/bench tests/torture tests/fuzz tests/support)
HELPER_OBJECTS := $(call objects,$(filter-out tests/unit/test_% tests/integration/test_%,\
	$(call c-files,tests/unit tests/integration tests/support)))

MAN_PAGES := $(patsubst docs/%.scd,$(OUT)/man/%,$(wildcard docs/*.scd))
EXAMPLES := $(wildcard config/*.conf config/examples/*.conf)
UNITS := $(wildcard systemd/*.service systemd/*.socket systemd/*.target)
ALL_C := $(shell find src include tests -name '*.[ch]' 2>/dev/null | sort)

# ---- build

all: $(PROGRAMS) ## build assentd and assentctl (the default)
tests: all $(UNIT_TESTS) $(INTEGRATION_TESTS) $(TEST_PROGRAMS) $(DEMO_PROGRAMS) $(SERVICE) ## build these and all test programs, run nothing
man: $(MAN_PAGES) ## build the man pages

$(OUT)/assentd: $(OUT)/obj/src/main.o $(OUT)/libassent.a
	$(call run,LD,$@) $(LINK) -o $@ $^ $(LIB_LIBS) $(LDLIBS)

$(OUT)/assentctl: $(OUT)/obj/src/ctl/main.o $(OUT)/libassent.a
	$(call run,LD,$@) $(LINK) -o $@ $^ $(LIB_LIBS) $(LDLIBS)

$(UNIT_TESTS) $(INTEGRATION_TESTS) $(TEST_PROGRAMS) $(FUZZERS): $(OUT)/%: $(OUT)/obj/%.o $(OUT)/libtests.a $(OUT)/libassent.a
	@mkdir -p $(@D)
	$(call run,LD,$@) $(LINK) $(if $(filter $@,$(FUZZERS)),-fsanitize=fuzzer) -o $@ $^ \
		$(CHECK_LIBS) $(LIB_LIBS) $(LDLIBS)

$(DEMO_PROGRAMS): $(OUT)/%: $(OUT)/obj/%.o
	@mkdir -p $(@D)
	$(call run,LD,$@) $(LINK) -o $@ $^ $(LIB_LIBS) $(LDLIBS)

$(SERVICE): $(call objects,$(SERVICE_SOURCES)) $(OUT)/libassent.a
	@mkdir -p $(@D)
	$(call run,LD,$@) $(LINK) -o $@ $^ $(LIB_LIBS) $(LDLIBS)

$(OUT)/libassent.a: $(LIB_OBJECTS) $(OUT)/.objects
	$(call run,AR,$@) rm -f $@ && $(AR) rc $@ $(LIB_OBJECTS)

$(OUT)/libtests.a: $(HELPER_OBJECTS) $(OUT)/.objects
	$(call run,AR,$@) rm -f $@ && $(AR) rc $@ $(HELPER_OBJECTS)

$(call objects,$(TEST_SOURCES)): private TEST_CPPFLAGS = -Itests $(CHECK_CFLAGS)

$(OUT)/obj/%.o: %.c $(OUT)/.flags
	@mkdir -p $(@D)
	$(call run,CC,$<) $(COMPILE) -c -o $@ $<

$(OUT)/man/%: docs/%.scd
	@mkdir -p $(@D)
	$(call run,MAN,$@) $(SCDOC) <$< >$@.tmp && mv $@.tmp $@

# Other flags, or a source file that is gone, must not leave old objects in use.
$(OUT)/.flags: export STAMP = $(COMPILE) / $(LINK)
$(OUT)/.objects: export STAMP = $(LIB_OBJECTS) / $(HELPER_OBJECTS)
$(OUT)/.flags $(OUT)/.objects: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$STAMP" | cmp -s - $@ || printf '%s\n' "$$STAMP" >$@

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) $(call objects,$(MAINS) $(TEST_SOURCES) $(SERVICE_SOURCES) $(call c-files,tests/demo)))

# ---- test

# What test programs need to know; run-tests.sh adds each binary's counts to ASSENT_RESULTS where that is set.
export ASSENT_BUILD = $(abspath $(OUT))
export ASSENT_SOURCE = $(CURDIR)
export ASSENT_RESULTS
# What deps.sh puts there if the machine has none.
export ASSENT_NGINX = $(or $(wildcard /usr/sbin/nginx),$(abspath $(BUILD))/nginx/usr/sbin/nginx)
export ASSENT_PROMTOOL = $(or $(wildcard /usr/bin/promtool),$(abspath $(BUILD))/prometheus/usr/bin/promtool)
RESULTS = $(or $(ASSENT_RESULTS),$(abspath $(OUT))/tests/results)
RUN_TESTS = tests/run-tests.sh -o $(OUT)/tests/log -l $(TEST_SECONDS) -j $(TEST_JOBS)
SUBMAKE = +$(MAKE) --no-print-directory
# Compiling on all processors, unless the user said how many.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# A make of its own after deps: what they bring is seen by a make that starts after them.
check: ## install what is missing, then run every check and test
	tests/system/deps.sh build demo check
	$(SUBMAKE) $(PARALLEL) tests man
	$(SUBMAKE) $(PARALLEL) --output-sync=target check-structure check-format check-docs check-model check-tls
	@rm -f $(RESULTS)
	$(SUBMAKE) unit ASSENT_RESULTS=$(RESULTS)
	$(SUBMAKE) integration ASSENT_RESULTS=$(RESULTS)
	ASSENT_RESULTS=$(RESULTS) SECONDS_EACH=5 tests/torture/run flood
	@tests/run-tests.sh -t $(RESULTS)

demo: ## install what is missing, then play the scenarios with real processes and real HTTP
	tests/system/deps.sh build demo
	$(SUBMAKE) $(PARALLEL) all demo-programs
	tests/demo/run

demo-programs: $(DEMO_PROGRAMS) $(SERVICE)

unit: $(UNIT_TESTS) ## run the unit tests (TESTS= selects, WRAPPER= runs them under something)
	@$(RUN_TESTS) -w "$(WRAPPER)" $(UNIT_TESTS)

# Who forks a role is run under valgrind itself; of the others the daemon and assentctl are. Programs of hooks are not ours.
VALGRIND = valgrind -q --vgdb=no --read-inline-info=no --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=99 \
	--log-file=@REPORTS@/valgrind.%p
VALGRIND_DAEMON = $(VALGRIND) --trace-children=yes --trace-children-skip=/bin/*,/usr/bin/*
FORKING_TESTS = $(call binaries,$(shell grep -lE '"integration/(caller|core|gate|runner)_rig.h"' \
	$(call tests,integration)))
valgrind-%: export CK_TIMEOUT_MULTIPLIER = 20
valgrind-%: TEST_SECONDS = 7200

valgrind-unit: $(UNIT_TESTS) ## the unit tests under valgrind
	@$(RUN_TESTS) -w "$(VALGRIND)" $^

valgrind-integration: export ASSENT_TEST_WRAPPER = $(VALGRIND_DAEMON)
valgrind-integration: all $(INTEGRATION_TESTS) $(TEST_PROGRAMS) $(SERVICE) ## those of integration; all of them take an hour
	@$(RUN_TESTS) $(filter-out $(FORKING_TESTS),$(INTEGRATION_TESTS))
	@$(RUN_TESTS) -w "$(VALGRIND)" $(filter $(FORKING_TESTS),$(INTEGRATION_TESTS))

integration: all $(INTEGRATION_TESTS) $(TEST_PROGRAMS) $(SERVICE) ## run the tests that start the real daemon (TESTS= selects)
	@$(RUN_TESTS) $(INTEGRATION_TESTS)

bench: ## measure signed webhooks, programs and calls a second, and what those who wait, many requests and long fan-outs cost
	tests/system/deps.sh build check bench
	$(SUBMAKE) $(PARALLEL) tests
	tests/bench/run
	tests/bench/run-hooks
	tests/bench/run-calls
	tests/bench/run-waiters
	tests/bench/run-scale
	tests/bench/run-fanout

torture: ## kill every role again and again, and count (SECONDS_EACH=)
	tests/system/deps.sh build check
	$(SUBMAKE) $(PARALLEL) tests
	$(if $(SECONDS_EACH),SECONDS_EACH=$(SECONDS_EACH)) tests/torture/run

ifeq ($(SANITIZE),fuzzer)
fuzz: $(FUZZERS)
	tests/fuzz/run
else
fuzz: ## build and run the fuzz targets, if clang is there (FUZZ_SECONDS=)
	$(if $(shell command -v clang),$(SUBMAKE) $(PARALLEL) fuzz SANITIZE=fuzzer,@echo 'nothing is fuzzed: that needs clang')
endif

check-structure: ## who includes what, and the scripts themselves
	tests/structure/check-includes.sh --self-test
	tests/structure/check-includes.sh
	tests/structure/check-scripts.sh
	tests/structure/check-security.sh

check-docs: all $(MAN_PAGES) $(OUT)/tests/programs/config_keys ## man pages and links are right, and what documents show works
	tests/structure/check-docs.sh $(MAN_PAGES)
	tests/structure/check-man.sh $(OUT)
	tests/system/check-examples.sh

check-tls: all ## what testssl.sh says of our TLS
	tests/system/check-tls.sh $(OUT)/assentd

check-model: ## the protocol's model, exhaustively
	$(if $(wildcard tests/model/check.sh),tests/model/check.sh,@echo 'no model yet')

check-format: ## is all C formatted?
	$(if $(ALL_C),@$(CLANG_FORMAT) --dry-run -Werror $(ALL_C))

format: ## format all C
	$(if $(ALL_C),$(CLANG_FORMAT) -i $(ALL_C))

check-bare: ## demo and check in a bare Debian made for it (as root)
	tests/system/bare-debian.sh

deps: ## install the Debian packages that are missing (DEPS= build demo check ci bench)
	tests/system/deps.sh $(or $(DEPS),build demo check)

# ---- install

install: all man ## install under DESTDIR and PREFIX; a configuration that is there stays as it is
	install -Dm755 $(OUT)/assentd $(DESTDIR)$(SBINDIR)/assentd
	install -Dm755 $(OUT)/assentctl $(DESTDIR)$(BINDIR)/assentctl
	@set -e; for page in $(MAN_PAGES); do \
		install -Dvm644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	@set -e; for unit in $(UNITS); do sed 's|/usr/sbin/assentd|$(SBINDIR)/assentd|' $$unit >$(OUT)/unit; \
		install -Dvm644 $(OUT)/unit $(DESTDIR)$(UNITDIR)/$${unit##*/}; done; rm -f $(OUT)/unit
	@set -e; for conf in $(EXAMPLES); do \
		install -Dvm644 $$conf $(DESTDIR)$(DOCDIR)/examples/$${conf##*/}; done
	@test -e $(DESTDIR)$(SYSCONFDIR)/assentd/assentd.conf || \
		install -Dvm644 config/assentd.conf $(DESTDIR)$(SYSCONFDIR)/assentd/assentd.conf

# An assentd.conf that was changed is its owner's, and stays.
uninstall: ## remove what install put there, but no configuration that was changed
	rm -f $(DESTDIR)$(SBINDIR)/assentd $(DESTDIR)$(BINDIR)/assentctl
	rm -f $(foreach p,$(notdir $(MAN_PAGES)),$(DESTDIR)$(MANDIR)/man$(lastword $(subst ., ,$(p)))/$(p))
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)))
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/examples/,$(notdir $(EXAMPLES)))
	@! cmp -s config/assentd.conf $(DESTDIR)$(SYSCONFDIR)/assentd/assentd.conf || \
		rm -fv $(DESTDIR)$(SYSCONFDIR)/assentd/assentd.conf
	@rmdir $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(DOCDIR) $(DESTDIR)$(SYSCONFDIR)/assentd 2>/dev/null || true

check-install: all man ## install somewhere else, run that, uninstall, look for what is left
	tests/system/check-install.sh $(VERSION)

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

FORCE:
.PHONY: all tests man check demo demo-programs unit integration valgrind-unit valgrind-integration bench torture fuzz \
	check-structure check-docs check-tls check-model check-format format check-bare deps install uninstall check-install clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
