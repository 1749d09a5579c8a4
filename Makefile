# SPDX-License-Identifier: BSD-3-Clause
#
#   make            build everything into build/
#   make demo       install what is missing, build, turn the shipped pinballs into ELFies, run them
#   make check      install what is missing, build, run the whole test suite
#   make hosts      a table of where ELFies run, each cell tried then and there
#   make bench      what things cost, as ratios to what one would run instead
#   make install    PREFIX=/usr/local DESTDIR=

VERSION := 0.1.0
PREFIX  ?= /usr/local
B       := build

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion
HOSTED   := -std=c11 -D_GNU_SOURCE -DELFIE_VERSION='"$(VERSION)"' $(WARNINGS)

# What runs inside an ELFie: no libc, and no vector registers, which hold the state of the region.
# Its symbols lie within 2 GiB of each other, anywhere in the address space.
FREESTANDING := -std=gnu11 -O2 -g -ffreestanding -nostdlib -fPIE -mgeneral-regs-only -mno-red-zone \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-tree-loop-distribute-patterns -fno-builtin $(WARNINGS) -Istartup

ifneq ($(V),1)
Q := @
say = @echo "  $(1)	$@"
endif

gen_objects     := $(patsubst gen/%.c,$(B)/gen/%.o,$(wildcard gen/*.c))
startup_objects := $(patsubst startup/%,$(B)/startup/%.o,$(basename $(wildcard startup/*.c startup/*.S)))
# Around the region: one object for each kind of ELFie, and what all of them have in the library.
kinds           := basic sim perf
library_objects := $(patsubst instrumentation/%,$(B)/instrumentation/%.o,\
	$(basename $(filter-out $(kinds:%=instrumentation/%.c),\
	$(wildcard instrumentation/*.c instrumentation/*.S))))
# What callbacks of users include.
callback_headers := $(B)/include/lte_lc.h $(B)/include/lte_perf.h
record_objects  := $(patsubst pintool/record/%.c,$(B)/record/%.o,$(wildcard pintool/record/*.c))

.PHONY: all
all: $(B)/pinball2elf $(B)/elfie-record $(B)/libelfie.a $(kinds:%=$(B)/%.o) $(B)/elfie.ld.in $(callback_headers)

$(B)/pinball2elf: $(gen_objects)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lexpat -lz -lbz2 -lZydis

$(B)/elfie-record: $(record_objects)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldw -lelf -lz -lbz2 -pthread

$(B)/libelfie.a: $(startup_objects) $(library_objects)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(B)/gen/%.o: gen/%.c | $(B)/gen
	$(call say,CC)
	$(Q)$(CC) $(HOSTED) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/record/%.o: pintool/record/%.c | $(B)/record
	$(call say,CC)
	$(Q)$(CC) $(HOSTED) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# What the recorder has in common with the pintools.
$(B)/elfie-record: $(patsubst pintool/common/%.c,$(B)/common/%.o,$(wildcard pintool/common/*.c))
-include $(wildcard $(B)/common/*.d)

$(B)/common:
	$(Q)mkdir -p $@

$(B)/common/%.o: pintool/common/%.c | $(B)/common
	$(call say,CC)
	$(Q)$(CC) $(HOSTED) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/startup/%.o: startup/%.c | $(B)/startup
	$(call say,CC)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(B)/startup/%.o: startup/%.S | $(B)/startup
	$(call say,AS)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(B)/instrumentation/%.o: instrumentation/%.c | $(B)/instrumentation
	$(call say,CC)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(B)/instrumentation/%.o: instrumentation/%.S | $(B)/instrumentation
	$(call say,AS)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(kinds:%=$(B)/%.o): $(B)/%.o: instrumentation/%.c | $(B)
	$(call say,CC)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(callback_headers): $(B)/include/%: instrumentation/% | $(B)/include
	$(Q)cp $< $@

$(B)/elfie.ld.in: ldscripts/elfie.ld.in | $(B)
	$(Q)cp $< $@

$(B) $(B)/include $(B)/gen $(B)/startup $(B)/instrumentation $(B)/record $(B)/host:
	$(Q)mkdir -p $@

-include $(wildcard $(addprefix $(B)/,*.d gen/*.d startup/*.d instrumentation/*.d record/*.d host/*.d))

.PHONY: clean
clean:
	rm -rf $(B)

# --- the simulators that elfie.mk's check-host plays ------------------------------------------

host_objects := $(patsubst test/host/%.c,$(B)/host/%.o,$(wildcard test/host/*.c))
host_files   := $(patsubst test/host/%,$(B)/%,$(wildcard test/host/*.host))
all: $(B)/elfie-host $(host_files)

$(B)/elfie-host: $(host_objects)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(B)/host/%.o: test/host/%.c | $(B)/host
	$(call say,CC)
	$(Q)$(CC) $(HOSTED) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.host: test/host/%.host | $(B)
	$(Q)cp $< $@

# --- what users call -------------------------------------------------------------------------

# Debian's packages, by what of them is looked for. The first line builds, the second one tests.
PACKAGES_BUILD := gcc:gcc binutils:ld bzip2:bzip2 libexpat1-dev:/usr/include/expat.h \
	zlib1g-dev:/usr/include/zlib.h libbz2-dev:/usr/include/bzlib.h \
	libdw-dev:/usr/include/elfutils/libdwfl.h libzydis-dev:/usr/include/Zydis/Zydis.h
PACKAGES_TEST := $(PACKAGES_BUILD) g++:g++ python3:python3 strace:strace gdb:gdb valgrind:valgrind \
	qemu-user:qemu-x86_64 linux-perf:perf time:/usr/bin/time gzip:gzip sqlite3:sqlite3 \
	xz-utils:xz openssl:openssl perl:perl

missing = $(strip $(foreach p,$(1),$(if $(shell command -v $(lastword $(subst :, ,$(p))) \
	|| ls $(lastword $(subst :, ,$(p))) 2>/dev/null),,$(firstword $(subst :, ,$(p))))))

# $(1): packages to be installed; nothing is done where all are there
define install_packages
@[ -z "$(1)" ] || { \
	echo "Installing: $(1)"; \
	run=; [ "$$(id -u)" -eq 0 ] || run=sudo; \
	$$run apt-get update -q >/dev/null && \
	$$run env DEBIAN_FRONTEND=noninteractive apt-get install -qy $(1) >/dev/null; } || { \
	echo "Could not install: $(1). Install what corresponds to it here and try again." >&2; exit 1; }
endef

.PHONY: packages-build packages-test demo check bench hosts
packages-build:
	$(call install_packages,$(call missing,$(PACKAGES_BUILD)))

packages-test:
	$(call install_packages,$(call missing,$(PACKAGES_TEST)))

demo: packages-build
	@echo "Building the front-end, the runtime and the recorder:"
	@$(MAKE) --no-print-directory all
	@echo "Making ELFies of the pinballs in examples/, and running them:"
	@$(MAKE) --no-print-directory -C examples

check: packages-test
	@$(MAKE) --no-print-directory all
	@test/run

# Which host runs what, each cell tried then and there.
hosts: packages-test
	@$(MAKE) --no-print-directory all
	@test/hosts

bench: packages-test
	@$(MAKE) --no-print-directory all
	@test/bench
	@test/bench-replay
	@test/bench-schedule

# --- installation ----------------------------------------------------------------------------

bindir := $(DESTDIR)$(PREFIX)/bin
libdir := $(DESTDIR)$(PREFIX)/lib/pinball2elf
mandir := $(DESTDIR)$(PREFIX)/share/man/man1
# Where GNU make looks for `include elfie.mk` when PREFIX is /usr or /usr/local.
incdir := $(DESTDIR)$(PREFIX)/include

programs  := $(B)/pinball2elf $(B)/elfie-record $(B)/elfie-host scripts/pinball2elf.kind.sh \
	$(addprefix scripts/pinball2elf.,basic.sh sim.sh perf.sh) scripts/pinball.entry-addr.sh
data      := $(B)/libelfie.a $(B)/elfie.ld.in $(host_files) $(kinds:%=$(B)/%.o)
man_pages := gen/pinball2elf.1 pintool/record/elfie-record.1

.PHONY: install uninstall
install: all
	install -d $(bindir) $(libdir)/include $(incdir) $(mandir)
	install $(programs) $(bindir)
	install -m 644 $(data) $(libdir)
	install -m 644 $(callback_headers) $(libdir)/include
	install -m 644 scripts/elfie.mk $(incdir)
	install -m 644 $(man_pages) $(mandir)

uninstall:
	rm -f $(addprefix $(bindir)/,$(notdir $(programs))) $(addprefix $(mandir)/,$(notdir $(man_pages)))
	rm -f $(incdir)/elfie.mk
	rm -rf $(libdir)
