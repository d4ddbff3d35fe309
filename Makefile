# idleprobe: all demo test fuzz coverage faults bench full-length lint install uninstall deb clean
#   CC=clang      builds with clang, into build-clang
#   SANITIZE=1    with the address and undefined-behaviour sanitizers, into build-asan
#   FUZZ=1        with those and libFuzzer, by clang, into build-fuzz
#   COVERAGE=1    with counters of what is run, by clang, into build-coverage
#   WERROR=1      warnings are errors
#   V=1           the commands in full

RELEASE := 0.1.0# where there is no git to ask
PREFIX ?= /usr/local
DESTDIR ?=
UNITS ?= $(PREFIX)/lib/systemd/system
ZSH ?= $(PREFIX)/share/zsh/site-functions
SETCAP ?= setcap
BUILD := build$(if $(FUZZ),-fuzz,$(if $(COVERAGE),-coverage,$(if $(findstring clang,$(notdir $(CC))),-clang)$(if $(SANITIZE),-asan)))
VERSION := $(or $(shell git -c safe.directory='*' --git-dir=.git describe --tags --always --dirty 2>/dev/null),$(RELEASE))

comma := ,
say = $(if $(V),,@echo '  $(1) $@' &&)
can = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror) # left out fields are zero, and tables rely on it
HARDENING := -fstack-protector-strong -fPIE $(call can,-fstack-clash-protection) $(call can,-fcf-protection) \
	$(if $(SANITIZE)$(FUZZ),,-D_FORTIFY_SOURCE=2)
# Counters in a file that is mapped, and shared by all processes of a program: they count however each ends, whatever it is
# forbidden, and whoever it runs as.
COUNTERS := -fprofile-instr-generate='$(CURDIR)/$(BUILD)/profiles/%m%c.profraw' -fcoverage-mapping
SANITIZERS := $(if $(SANITIZE)$(FUZZ),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer) \
	$(if $(FUZZ),-fsanitize=fuzzer-no-link) $(if $(COVERAGE),$(COUNTERS))
CFLAGS ?= -O2 -g
LDFLAGS ?=
override CPPFLAGS += -Isrc -D_GNU_SOURCE
override CFLAGS += -std=gnu11 $(WARNINGS) $(HARDENING) $(SANITIZERS) $(if $(COVERAGE),-mllvm -runtime-counter-relocation)
override LDFLAGS += -pie -Wl,-z,relro,-z,now $(SANITIZERS)
LDLIBS := -lpcap -lnet -lcjson -levent_core -lcap -lseccomp -lsodium -lm

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))
CORE := $(call objects,src/core/*.c)
LIBRARY := $(filter-out $(BUILD)/src/main.o,$(call objects,src/*.c src/*/*.c))
SIM := $(call objects,tests/sim/*.c)
BENCH := $(call objects,tests/bench/*.c) $(filter-out %/sim.o,$(SIM))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))

DOCUMENTS := $(addprefix $(BUILD)/idleprobe.,1 bash zsh fish)

all: $(BUILD)/idleprobe $(DOCUMENTS)

$(BUILD)/idleprobe: $(BUILD)/src/main.o $(BUILD)/libidleprobe.a
	$(call say,LD) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/libidleprobe.a: $(LIBRARY)
$(BUILD)/libcore.a: $(CORE)
$(BUILD)/lib%.a:
	$(call say,AR) rm -f $@ && $(AR) rcs $@ $^

# The core alone, without a library that touches the network: what links here is pure.
# By gcc it is compiled once more as a whole, for it is what `make test` takes longest for, and a fifth faster so. (An .incbin
# cannot be.)
WHOLE := $(if $(SANITIZE)$(FUZZ)$(COVERAGE)$(findstring clang,$(notdir $(CC))),,-flto=auto)
$(BUILD)/sim: $(SIM) $(BUILD)/libcore.a
	$(call say,LD) $(CC) $(if $(WHOLE),$(CPPFLAGS) $(CFLAGS) $(WHOLE)) $(LDFLAGS) -o $@ \
		$(if $(WHOLE),$(patsubst $(BUILD)/%.o,%.c,$(filter-out %/platforms.o,$(SIM) $(CORE))) $(BUILD)/src/core/platforms.o,$^) \
		-lcjson -lm
$(BUILD)/bench: $(BENCH) $(BUILD)/libcore.a
	$(call say,LD) $(CC) $(LDFLAGS) -o $@ $^ -lcjson -lm
$(BUILD)/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/libidleprobe.a
	$(call say,LD) $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LDLIBS)
$(BUILD)/test_search $(BUILD)/test_verdict: $(BUILD)/tests/unit/stage.o $(BUILD)/tests/sim/world.o $(BUILD)/tests/sim/far.o
$(BUILD)/test_report_read $(BUILD)/test_report_formats: $(BUILD)/tests/unit/example.o
$(BUILD)/test_engine $(BUILD)/test_engine_socket $(BUILD)/test_farside: $(BUILD)/tests/unit/bench.o
$(BUILD)/test_survey $(BUILD)/test_rehearsal: $(BUILD)/tests/sim/play.o $(BUILD)/tests/sim/world.o $(BUILD)/tests/sim/far.o

$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/fuzz.o $(BUILD)/libidleprobe.a
	$(call say,LD) $(CC) $(LDFLAGS) $(if $(FUZZ),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)
$(BUILD)/fuzz_search: $(BUILD)/tests/fuzz/path.o
$(if $(FUZZ),,$(FUZZERS): $(BUILD)/tests/fuzz/replay.o)
# Nothing that the search compares is worth guessing, and it compares a lot: two thirds of the time.
$(if $(FUZZ),$(patsubst %,$(BUILD)/src/core/%.o,search crew pick scout narrow confirm contradict once plan bracket ledger loss): \
	override CFLAGS += -fno-sanitize-coverage=trace-cmp)

$(BUILD)/%.o: %.c | $(BUILD)/libraries
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/src/version.o: CPPFLAGS += -DVERSION='"$(VERSION)"'
$(BUILD)/src/version.o: $(BUILD)/version
$(BUILD)/src/core/platforms.o: src/platforms.json
$(BUILD)/src/format/report_html.o: src/format/report.css
-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)

$(BUILD)/version: FORCE
	@mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@
$(BUILD)/libraries: scripts/setup
	@mkdir -p $(@D); CC='$(CC)' scripts/setup check && touch $@

# The program itself makes its manual and completions, so that no option is listed twice.
$(BUILD)/idleprobe.1: src/idleprobe.1 $(BUILD)/idleprobe
	$(call say,MAN) $(BUILD)/idleprobe generate man < $< > $@
$(BUILD)/idleprobe.bash $(BUILD)/idleprobe.zsh $(BUILD)/idleprobe.fish: $(BUILD)/idleprobe
	$(call say,COMPLETION) $< generate $(patsubst .%,%,$(suffix $@)) > $@

tests: all $(UNIT) $(if $(SIM),$(BUILD)/sim)
fuzzers: $(FUZZERS)

demo:
	@scripts/setup demo
	@$(MAKE) --no-print-directory all
	@scripts/demo $(BUILD)/idleprobe

test:
	@scripts/setup test
	@+$(MAKE) --no-print-directory WERROR=1 tests CC=gcc
	@+$(MAKE) --no-print-directory WERROR=1 tests CC=gcc SANITIZE=1
	@+$(MAKE) --no-print-directory WERROR=1 all CC=clang
	@+$(MAKE) --no-print-directory WERROR=1 fuzzers CC=clang FUZZ=1
	@tests/run

# Each target for so long; 0: only what is in tests/fuzz/corpus.
FUZZ_MINUTES ?= 30
fuzz:
	@scripts/setup fuzz
	@+$(MAKE) --no-print-directory WERROR=1 fuzzers CC=clang FUZZ=1
	@scripts/fuzz $$(($(FUZZ_MINUTES) * 60))

# SUITES="unit cli" for some; all take some seven minutes.
coverage:
	@scripts/setup test
	@+$(MAKE) --no-print-directory tests fuzzers COVERAGE=1 CC=clang
	@scripts/coverage $(SUITES) > build-coverage/coverage.md && mv build-coverage/coverage.md results && tail -n 1 results/coverage.md

bench:
	@scripts/setup test
	@$(MAKE) --no-print-directory all $(BUILD)/bench
	@scripts/bench

# What each fault of tests/lab/faults.tsv does to a measurement
faults:
	@scripts/setup test
	@$(MAKE) --no-print-directory all
	@scripts/faults

# A quarter of an hour, really
full-length:
	@scripts/setup test
	@$(MAKE) --no-print-directory all
	@scripts/full-length

lint:
	@scripts/setup lint
	cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --std=c11 \
		--suppress=missingIncludeSystem -Isrc -D_GNU_SOURCE src
	shellcheck .ci/run tests/run $$(grep -lsE '^#!/bin/(ba)?sh' scripts/* scripts/debian/* tests/*/*) $(wildcard tests/*/*.bash tests/*/*.bats)

# What is installed, and where. With GROUP=NAME only that group may capture and inject: by a copy, which the program becomes
# where its caller may execute it.
BINARY := $(PREFIX)/bin/idleprobe
COPY := $(PREFIX)/libexec/idleprobe
CAPABLE := $(if $(GROUP),$(COPY),$(BINARY))
PLACES := $(BUILD)/idleprobe.1:$(PREFIX)/share/man/man1/idleprobe.1 \
	$(BUILD)/idleprobe.bash:$(PREFIX)/share/bash-completion/completions/idleprobe \
	$(BUILD)/idleprobe.zsh:$(ZSH)/_idleprobe \
	$(BUILD)/idleprobe.fish:$(PREFIX)/share/fish/vendor_completions.d/idleprobe.fish \
	scripts/idleprobe-respond.service:$(UNITS)/idleprobe-respond.service \
	$(foreach unit,service timer,scripts/fleet/idleprobe-fleet.$(unit):$(UNITS)/idleprobe-fleet.$(unit)) \
	$(foreach file,idleprobe.rules.yml dashboard.json,scripts/fleet/$(file):$(PREFIX)/share/idleprobe/$(file))
from = $(firstword $(subst :, ,$(1)))
to = $(DESTDIR)$(lastword $(subst :, ,$(1)))

install: all
	install -D -m 755 $(BUILD)/idleprobe $(DESTDIR)$(BINARY)
	$(foreach place,$(PLACES),install -D -m 644 $(call from,$(place)) $(call to,$(place)) &&) true
	sed -i 's,/usr/local/,$(PREFIX)/,' $(DESTDIR)$(UNITS)/*idleprobe*.service
	$(if $(GROUP),install -D -m 750 -g $(GROUP) $(BUILD)/idleprobe $(DESTDIR)$(COPY))
	@$(SETCAP) cap_net_raw+ep $(DESTDIR)$(CAPABLE) 2>/dev/null || \
		echo "idleprobe needs cap_net_raw: sudo setcap cap_net_raw+ep $(DESTDIR)$(CAPABLE)"
uninstall:
	rm -f $(DESTDIR)$(BINARY) $(DESTDIR)$(COPY) $(foreach place,$(PLACES),$(call to,$(place)))

# build/deb/idleprobe_*.deb
DEB := build/deb/idleprobe
deb:
	@scripts/setup deb
	rm -rf build/deb && mkdir -p $(DEB)
	cp -R Makefile README.md LICENSE src scripts $(DEB)
	mv $(DEB)/scripts/debian $(DEB)/debian
	cd $(DEB) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc
clean:
	rm -rf build build-asan build-clang build-clang-asan build-fuzz build-coverage

FORCE:
.PHONY: all tests fuzzers demo test fuzz coverage faults bench full-length lint install uninstall deb clean FORCE
.DELETE_ON_ERROR:
