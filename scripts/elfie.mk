# SPDX-License-Identifier: BSD-3-Clause
#
# ELFies from the pinballs of a directory, for GNU make.
#
#   make -f .../scripts/elfie.mk ELFIE=foo     foo.basic.elfie from pinball foo (foo.global.log, ...)
#   make ELFIE="foo pp/bar" -j4                several; a pinball may lie in a subdirectory
#   make                                       all pinballs of this directory
#   make ELFIE=foo regen                       throw away the edits of foo.ld and foo.elfie.d/config.S
#   make ELFIE=foo check-host HOST=gem5        can the startup run on a simulator that has only what
#                                              gem5.host says? HOST may be a file of your own
#   make ELFIE=foo schedule                    step the replay of several threads once, and write down
#                                              where they have to stop, to foo.schedule; the next
#                                              KIND=replay then runs from stop to stop
#   make ELFIE=foo clean-elfies                remove what was made, but not foo.ld and config.S
#
# After `make install` a directory's Makefile is one line: include elfie.mk
#
#   make ELFIE=foo KIND=replay                 foo.replay.elfie: system calls get the recorded answers
#
# Variables: KIND (basic; sim: with markers for simulators; perf: with counters; replay), REPLAY=1
# (carry the logs, whatever the kind), LAYOUT (direct, compact), MAX_HEADERS (73), SCAN=1 (what the
# code needs of the processor), V=1 shows the commands. PINBALL2ELF, CC, AS and LD name the tools.
#
#   make ELFIE=foo CALLBACKS="my.c other.o" LDLIBS="-Llib -lmine"
#
# compiles and links in your own callbacks: elfie_on_start, elfie_on_thread_start, elfie_on_exit, or
# others that PROCESS_CBK, THREAD_CBK and EXIT_CBK name. They include lte_lc.h or lte_perf.h.
# CALLBACK_CFLAGS are for their compiler. MONITOR=1: a monitor process, without an exit callback.
# ROI_START="ssc:0x111 simics:1", MAGIC2=simics:2: markers; MESSAGE: what a sim ELFie says.
# PERF_PREFIX, WARMUP=1: names of the reports of a perf ELFie, and whether it has a warm-up.
# OPTIONS: any others of pinball2elf.
#
# foo.ld and foo.elfie.d/config.S are yours to edit: each is used as it is until the pinball or the
# variables say something else. Then make stops, with the new one in foo.ld.new or config.S.new.

KIND        ?= $(if $(filter schedule,$(MAKECMDGOALS)),replay,basic)
LAYOUT      ?= direct
MAX_HEADERS ?= 73
CALLBACK_CFLAGS ?= -O2 -g -Wall
ifeq ($(origin ELFIE),undefined)
elfie_all   := yes
ELFIE       := $(patsubst %.address,%,$(wildcard *.address))
endif

.DEFAULT_GOAL := elfies

# A name may carry one of the pinball's endings, or be there twice.
override ELFIE := $(sort $(patsubst %.global.log,%,$(patsubst %.address,%,$(ELFIE))))

ifneq ($(filter regen,$(MAKECMDGOALS)),)
ifeq ($(elfie_all),yes)
$(error regen throws edits away: name the pinballs, as in make ELFIE=foo regen)
endif
endif

elfie_mk_dir := $(dir $(lastword $(MAKEFILE_LIST)))
ifeq ($(origin PINBALL2ELF),undefined)
# In the project's tree, then where `make install` puts it beside this file, then in PATH.
PINBALL2ELF := $(firstword $(wildcard $(elfie_mk_dir)../build/pinball2elf \
	$(elfie_mk_dir)../bin/pinball2elf) pinball2elf)
endif

$(if $(filter @% -%,$(ELFIE)),$(error a pinball's name that begins with @ or - is an option for ld: use ./$(firstword $(filter @% -%,$(ELFIE)))))

elfie_kinds := basic sim perf replay
$(if $(filter $(KIND),$(elfie_kinds)),,$(error there is no kind '$(KIND)'; there is: $(elfie_kinds)))

elfie_replay  := $(filter replay,$(KIND))$(REPLAY)
elfie_datadir := $(shell $(PINBALL2ELF) --print-datadir)
$(if $(elfie_datadir),,$(error $(PINBALL2ELF) does not run: build the project first, with make))
elfie_ldflags := $(shell LD="$(LD)" $(PINBALL2ELF) --print-ldflags)
# $(1): what of it stands in quotes for the shell
elfie_quote = '$(subst ','\'',$(1))'
# $(1), $(2): option $(1) with value $(2), where there is one
elfie_option = $(if $(2), $(1) $(call elfie_quote,$(2)))
elfie_options := --layout $(LAYOUT) --max-headers $(MAX_HEADERS)$(if $(SCAN), --scan)$(if $(elfie_replay), --replay)$(strip \
	)$(if $(filter-out basic,$(KIND)), --kind $(KIND))$(if $(CALLBACKS)$(LDLIBS), --user-code)$(strip \
	)$(call elfie_option,-p,$(PROCESS_CBK))$(call elfie_option,-t,$(THREAD_CBK))$(strip \
	)$(call elfie_option,-e,$(EXIT_CBK))$(if $(filter 1,$(MONITOR)), --monitor-thread)$(strip \
	)$(foreach m,$(ROI_START),$(call elfie_option,--roi-start,$(m)))$(strip \
	)$(foreach m,$(MAGIC2),$(call elfie_option,--magic2,$(m)))$(call elfie_option,--message,$(MESSAGE))$(strip \
	)$(call elfie_option,--perf-prefix,$(PERF_PREFIX))$(if $(filter 1,$(WARMUP)), --warmup)$(if $(OPTIONS), $(OPTIONS))
elfie_parts   := start config symbols sysstate replay pages
elfie_generated := start symbols sysstate replay pages
# What runs around the region. The replay kind has nothing but the replay, which is in the library.
elfie_object  := $(elfie_datadir)/$(patsubst replay,basic,$(KIND)).o

ifneq ($(V),1)
elfie_quiet := @
elfie_say    = @echo "  $(1)	$@"
endif

.PHONY: elfies regen clean-elfies elfie-force
elfies: $(foreach e,$(ELFIE),$(e).$(KIND).elfie)
	$(if $(strip $(ELFIE)),,$(error no pinball here: name one with ELFIE=))@:
regen: elfies

# The schedule is a part of the pinball from then on. It must not come from a schedule.
.PHONY: schedule
schedule: elfies
	$(if $(elfie_replay),,$(error schedule needs KIND=replay or REPLAY=1))
	$(elfie_quiet)trap 'rm -f "$$e.schedule.tmp"' EXIT; trap 'exit 130' HUP INT TERM; \
	for e in $(ELFIE); do \
		case $$e in /*) elfie=$$e ;; *) elfie=./$$e ;; esac; \
		ELFIE_REPLAY=exact ELFIE_REPLAY_SCHEDULE=$$e.schedule.tmp $$elfie.$(KIND).elfie \
			>/dev/null </dev/null; \
		status=$$?; \
		if [ "$$(tail -n 1 $$e.schedule.tmp 2>/dev/null)" != end ]; then \
			rm -f $$e.schedule.tmp; \
			echo "$$e: no schedule: the replay ended before its end, with status $$status, or needs none" >&2; \
			exit 1; \
		fi; \
		mv -f $$e.schedule.tmp $$e.schedule; \
		echo "  SCHEDULE	$$e.schedule"; \
	done

elfie_regenerate := $(if $(filter regen,$(MAKECMDGOALS)),--regenerate)

# The user's callbacks: what is C is compiled, freestanding, to lie anywhere in the address space, and
# without what needs a C library's set-up.
elfie_callbacks := $(patsubst %.c,%.callback.o,$(CALLBACKS))
%.callback.o: %.c
	$(call elfie_say,CC)
	$(elfie_quiet)$(CC) $(CALLBACK_CFLAGS) -ffreestanding -fno-builtin -fPIE -fno-stack-protector \
		-fcf-protection=none -fno-asynchronous-unwind-tables -I$(elfie_datadir)/include -MMD -MP -c -o $@ $<
-include $(wildcard $(elfie_callbacks:.o=.d))

# $(1): what of pinball $(1) the front-end reads
elfie_pinball = $(wildcard $(foreach f,global.log text address [0-9]*.reg \
	$(if $(elfie_replay),[0-9]*.sel [0-9]*.race schedule),\
	$(1).$(f) $(1).$(f).bz2 $(1).$(f).gz) $(1).[0-9]*.result $(1).procinfo.xml \
	$(1).event_icount.[0-9]*.txt $(1).event_icount.[0-9]*.txt.bz2 $(1).event_icount.[0-9]*.txt.gz) \
	$(call elfie_sysstate,$(1).sysstate)

# $(1): a sysstate; its files, as far as make can name them, but not what
# was made of the pinball, nor what a region that is run may write
elfie_sysstate = $(if $(wildcard $(1)),$(shell find $(1) -type f -regex '[-A-Za-z0-9_./+,@]*' \
	\( ! -path '*/workdir/*' -o -name 'FD_*' \) ! -name '*.elfie' ! -name '*.elfie.tmp' ! -path '*.elfie.d/*'))

# $(1), $(2): not empty when the two differ
elfie_differ = $(if $(findstring x$(1)x,x$(2)x),,yes)

# $(1): what the parts of pinball $(1) are made of besides files: options, and that it has a schedule,
# which may be removed
elfie_made = $(elfie_options)$(if $(elfie_replay),$(if $(wildcard $(1).schedule $(1).schedule.bz2 $(1).schedule.gz),; a schedule))

# $(1): not empty when $(1) has to be generated whatever its files' times are: something is
# missing, other options, or regen
elfie_stale = $(strip $(elfie_regenerate) \
	$(if $(wildcard $(1).ld),,missing) $(if $(wildcard $(1).elfie.d/pages.bin),,missing) \
	$(foreach p,$(elfie_parts),$(if $(wildcard $(1).elfie.d/$(p).S),,missing)) \
	$(if $(call elfie_differ,$(call elfie_made,$(1)),$(shell cat $(1).elfie.d/made 2>/dev/null)),options))

# The files that the front-end writes are prerequisites only if they are there: what is not is
# made together with `made`.
define elfie_rules
$(1).elfie.d/made: $(call elfie_pinball,$(1)) $(wildcard $(PINBALL2ELF) $(elfie_datadir)/elfie.ld.in) \
		$(if $(call elfie_stale,$(1)),elfie-force)
	$$(call elfie_say,EMIT)
	$$(elfie_quiet)$$(PINBALL2ELF) --emit-only $$(elfie_options) $$(elfie_regenerate) $(1)
	$$(elfie_quiet)echo $$(call elfie_quote,$$(call elfie_made,$(1))) >$$@

$(elfie_parts:%=$(1).elfie.d/%.o): $(1).elfie.d/%.o: $(1).elfie.d/made
	$$(call elfie_say,AS)
	$$(elfie_quiet)cd $$(@D) && $$(AS) --64 -o $$*.o.tmp $$*.S && mv -f $$*.o.tmp $$*.o || { rm -f $$*.o.tmp; exit 1; }

$(foreach p,$(elfie_parts),$(if $(wildcard $(1).elfie.d/$(p).S),$(eval $(1).elfie.d/$(p).o: $(1).elfie.d/$(p).S)))

$(1).$(KIND).elfie: $(1).elfie.d/made $(wildcard $(1).ld) $(elfie_parts:%=$(1).elfie.d/%.o) \
		$(elfie_callbacks) $(wildcard $(elfie_object) $(elfie_datadir)/libelfie.a)
	$$(call elfie_say,LD)
	$$(elfie_quiet)$$(LD) $$(elfie_ldflags) -T $(1).ld -o $$@.tmp $(elfie_parts:%=$(1).elfie.d/%.o) \
		$$(elfie_callbacks) $$(LDLIBS) $$(elfie_object) $$(elfie_datadir)/libelfie.a && mv -f $$@.tmp $$@ || { rm -f $$@.tmp; exit 1; }
endef
$(foreach e,$(ELFIE),$(eval $(call elfie_rules,$(e))))

# A ptrace supervisor plays the simulator, and says whether all threads come to the region there.
# HOST from the environment is something else, the machine's name mostly.
ifeq ($(filter command file,$(origin HOST)),)
HOST := gem5
endif
elfie_host      := $(firstword $(wildcard $(dir $(PINBALL2ELF))elfie-host) elfie-host)
elfie_host_file := $(firstword $(wildcard $(HOST) $(elfie_datadir)/$(HOST).host) $(HOST))
.PHONY: check-host
check-host: elfies
	$(elfie_quiet)for elfie in $(foreach e,$(ELFIE),$(if $(filter /%,$(e)),,./)$(e).$(KIND).elfie); do \
		$(elfie_host) --check $(elfie_host_file) $$elfie || exit 1; \
	done

clean-elfies:
	$(elfie_quiet)rm -f $(foreach e,$(ELFIE),$(e).*.elfie $(e).elfie.d/made $(e).elfie.d/pages.bin \
		$(e).elfie.d/*.o $(elfie_generated:%=$(e).elfie.d/%.S)) $(filter-out $(CALLBACKS),$(elfie_callbacks)) \
		$(patsubst %.c,%.callback.d,$(filter %.c,$(CALLBACKS)))
