# SPDX-License-Identifier: BSD-3-Clause
#
# ELFies from the pinballs of a directory, for GNU make.
#
#   make -f .../scripts/elfie.mk ELFIE=foo     foo.basic.elfie from pinball foo (foo.global.log, ...)
#   make ELFIE="foo pp/bar" -j4                several; a pinball may lie in a subdirectory
#   make                                       all pinballs of this directory
#   make ELFIE=foo regen                       throw away the edits of foo.ld
#   make ELFIE=foo check-host HOST=gem5        can the startup run on a simulator that has only what
#                                              gem5.host says? HOST may be a file of your own
#   make ELFIE=foo schedule                    step the replay of several threads once, and write down
#                                              where they have to stop, to foo.schedule; the next
#                                              KIND=replay then runs from stop to stop
#   make ELFIE=foo clean-elfies                remove what was made, but not foo.ld
#
# After `make install` a directory's Makefile is one line: include elfie.mk
#
#   make ELFIE=foo KIND=replay                 foo.replay.elfie: system calls get the recorded answers
#
# Variables: KIND (basic, replay), REPLAY=1 (carry the logs, whatever the kind), LAYOUT (direct,
# compact), MAX_HEADERS (73), SCAN=1 (what the code needs of the processor), V=1 shows the commands.
# PINBALL2ELF, AS and LD name the tools.
#
# foo.ld is yours to edit: it is used as it is until the pinball says something else. Then make
# stops, with the new script in foo.ld.new.

KIND        ?= $(if $(filter schedule,$(MAKECMDGOALS)),replay,basic)
LAYOUT      ?= direct
MAX_HEADERS ?= 73
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

elfie_kinds := basic replay
$(if $(filter $(KIND),$(elfie_kinds)),,$(error there is no kind '$(KIND)'; there is: $(elfie_kinds)))

elfie_replay  := $(filter replay,$(KIND))$(REPLAY)
elfie_datadir := $(shell $(PINBALL2ELF) --print-datadir)
$(if $(elfie_datadir),,$(error $(PINBALL2ELF) does not run: build the project first, with make))
elfie_ldflags := $(shell LD="$(LD)" $(PINBALL2ELF) --print-ldflags)
elfie_options := --layout $(LAYOUT) --max-headers $(MAX_HEADERS)$(if $(SCAN), --scan)$(if $(elfie_replay), --replay)
elfie_parts   := start config symbols replay pages
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
	$(elfie_quiet)for e in $(ELFIE); do \
		case $$e in /*) elfie=$$e ;; *) elfie=./$$e ;; esac; \
		ELFIE_REPLAY=exact ELFIE_REPLAY_SCHEDULE=$$e.schedule.tmp $$elfie.$(KIND).elfie \
			>/dev/null </dev/null; \
		status=$$?; \
		if [ $$status -eq 3 ] || [ $$status -ge 124 ] || [ ! -s $$e.schedule.tmp ]; then \
			rm -f $$e.schedule.tmp; \
			echo "$$e: no schedule: the replay ended with status $$status, or has one thread" >&2; \
			exit 1; \
		fi; \
		mv -f $$e.schedule.tmp $$e.schedule; \
		echo "  SCHEDULE	$$e.schedule"; \
	done

elfie_regenerate := $(if $(filter regen,$(MAKECMDGOALS)),--regenerate)

# $(1): what of pinball $(1) the front-end reads
elfie_pinball = $(wildcard $(foreach f,global.log text address [0-9]*.reg \
	$(if $(elfie_replay),[0-9]*.sel [0-9]*.race schedule),\
	$(1).$(f) $(1).$(f).bz2 $(1).$(f).gz) $(1).[0-9]*.result $(1).procinfo.xml \
	$(1).sysstate/BRK.log)

# $(1), $(2): not empty when the two differ
elfie_differ = $(if $(findstring x$(1)x,x$(2)x),,yes)

# $(1): not empty when $(1) has to be generated whatever its files' times are: something is
# missing, other options, or regen
elfie_stale = $(strip $(elfie_regenerate) \
	$(if $(wildcard $(1).ld),,missing) $(if $(wildcard $(1).elfie.d/pages.bin),,missing) \
	$(foreach p,$(elfie_parts),$(if $(wildcard $(1).elfie.d/$(p).S),,missing)) \
	$(if $(call elfie_differ,$(elfie_options),$(shell cat $(1).elfie.d/made 2>/dev/null)),options))

# The files that the front-end writes are prerequisites only if they are there: what is not is
# made together with `made`.
define elfie_rules
$(1).elfie.d/made: $(call elfie_pinball,$(1)) $(wildcard $(PINBALL2ELF) $(elfie_datadir)/elfie.ld.in) \
		$(if $(call elfie_stale,$(1)),elfie-force)
	$$(call elfie_say,EMIT)
	$$(elfie_quiet)$$(PINBALL2ELF) --emit-only $$(elfie_options) $$(elfie_regenerate) $(1)
	$$(elfie_quiet)echo "$$(elfie_options)" >$$@

$(elfie_parts:%=$(1).elfie.d/%.o): $(1).elfie.d/%.o: $(1).elfie.d/made
	$$(call elfie_say,AS)
	$$(elfie_quiet)cd $$(@D) && $$(AS) --64 -o $$*.o.tmp $$*.S && mv -f $$*.o.tmp $$*.o || { rm -f $$*.o.tmp; exit 1; }

$(foreach p,$(elfie_parts),$(if $(wildcard $(1).elfie.d/$(p).S),$(eval $(1).elfie.d/$(p).o: $(1).elfie.d/$(p).S)))

$(1).$(KIND).elfie: $(1).elfie.d/made $(wildcard $(1).ld) $(elfie_parts:%=$(1).elfie.d/%.o) \
		$(wildcard $(elfie_object) $(elfie_datadir)/libelfie.a)
	$$(call elfie_say,LD)
	$$(elfie_quiet)$$(LD) $$(elfie_ldflags) -T $(1).ld -o $$@.tmp $(elfie_parts:%=$(1).elfie.d/%.o) \
		$$(elfie_object) $$(elfie_datadir)/libelfie.a && mv -f $$@.tmp $$@ || { rm -f $$@.tmp; exit 1; }
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
	rm -rf $(foreach e,$(ELFIE),$(e).*.elfie $(e).elfie.d)
