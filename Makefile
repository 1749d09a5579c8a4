# SPDX-License-Identifier: BSD-3-Clause
#
#   make            build everything into build/
#   make demo       install what is missing, build, turn the shipped pinballs into ELFies, run them
#   make check      install what is missing, build, run the whole test suite
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
record_objects  := $(patsubst pintool/record/%.c,$(B)/record/%.o,$(wildcard pintool/record/*.c))
kinds           := basic

.PHONY: all
all: $(B)/pinball2elf $(B)/elfie-record $(B)/libelfie.a $(kinds:%=$(B)/%.o) $(B)/elfie.ld.in

$(B)/pinball2elf: $(gen_objects)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lexpat -lz -lbz2

$(B)/elfie-record: $(record_objects)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldw -lelf -lz -lbz2

$(B)/libelfie.a: $(startup_objects)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(B)/gen/%.o: gen/%.c | $(B)/gen
	$(call say,CC)
	$(Q)$(CC) $(HOSTED) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/record/%.o: pintool/record/%.c | $(B)/record
	$(call say,CC)
	$(Q)$(CC) $(HOSTED) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/startup/%.o: startup/%.c | $(B)/startup
	$(call say,CC)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(B)/startup/%.o: startup/%.S | $(B)/startup
	$(call say,AS)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(kinds:%=$(B)/%.o): $(B)/%.o: instrumentation/%.c | $(B)
	$(call say,CC)
	$(Q)$(CC) $(FREESTANDING) -MMD -MP -c -o $@ $<

$(B)/elfie.ld.in: ldscripts/elfie.ld.in | $(B)
	$(Q)cp $< $@

$(B) $(B)/gen $(B)/startup $(B)/record:
	$(Q)mkdir -p $@

-include $(wildcard $(B)/*.d $(B)/*/*.d)

.PHONY: clean
clean:
	rm -rf $(B)
