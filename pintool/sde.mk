# SPDX-License-Identifier: BSD-3-Clause
# What the makefiles of the pintools have in common. They set
#   TOOL    the name of the tool; TOOL.cpp is its source
#   SHARED  the C files of ../common that it needs, without .c
# and `make SDE_BUILD_KIT=...` builds obj-intel64/TOOL.so and puts it where the kit's sde64 finds it.
#
# The kit is Intel SDE 9 or later. Folders and variables of it that are used here are those of its own
# examples: pinkit/source/tools/Config, pinkit/sde-example, pinkit/pinplay; TOOL_CXXFLAGS, TOOL_LDFLAGS,
# TOOL_LPATHS, TOOL_LIBS, LINKER, LINK_EXE, COMP_OBJ, OBJDIR, PINTOOL_SUFFIX.

ifeq ($(SDE_BUILD_KIT),)
  $(error Set SDE_BUILD_KIT to the folder of Intel SDE 9 or later, the one with sde64 in it)
endif
ifeq ($(wildcard $(SDE_BUILD_KIT)/pinkit/source/tools/Config/makefile.config),)
  $(error $(SDE_BUILD_KIT) is not a kit of Intel SDE: there is no pinkit/source/tools/Config in it)
endif

all: build

TARGET       := intel64
PIN_ROOT     := $(SDE_BUILD_KIT)/pinkit
SDE_ROOT     := $(PIN_ROOT)/sde-example
PINPLAY_ROOT := $(PIN_ROOT)/pinplay
CONFIG_ROOT  := $(PIN_ROOT)/source/tools/Config
include $(CONFIG_ROOT)/makefile.config
include $(TOOLS_ROOT)/Config/makefile.default.rules

COMMON        := $(abspath ../common)
TOOL_CXXFLAGS += -DSDE_INIT -I$(COMMON) -I$(SDE_ROOT)/include -I$(PINPLAY_ROOT)/include
# The two libraries need each other.
TOOL_LPATHS   += -L$(SDE_ROOT)/lib/$(TARGET) -L$(PINPLAY_ROOT)/$(TARGET)
TOOL_LPATHS   += -lpinplay -lsde -lpinplay -lsde -lbz2 -lzlib

# The kit's flags for C++, without those that C does not have.
C_FLAGS := -std=gnu11 -D_GNU_SOURCE \
	$(filter-out -Werror -std=% -fno-rtti -faligned-new -fabi-version=%,$(TOOL_CXXFLAGS))
OBJECTS := $(OBJDIR)$(TOOL).o $(SHARED:%=$(OBJDIR)%.o)

.PHONY: build
build: $(OBJDIR)$(TOOL)$(PINTOOL_SUFFIX)
	cp $< $(SDE_BUILD_KIT)/$(TARGET)/sde-$(subst _,-,$(TOOL))$(PINTOOL_SUFFIX)

$(OBJDIR)$(TOOL).o: $(TOOL).cpp $(wildcard $(COMMON)/*.h)
	mkdir -p $(OBJDIR)
	$(CXX) $(TOOL_CXXFLAGS) $(COMP_OBJ)$@ $<

$(SHARED:%=$(OBJDIR)%.o): $(OBJDIR)%.o: $(COMMON)/%.c $(wildcard $(COMMON)/*.h)
	mkdir -p $(OBJDIR)
	$(CC) $(C_FLAGS) $(COMP_OBJ)$@ $<

$(OBJDIR)$(TOOL)$(PINTOOL_SUFFIX): $(OBJECTS)
	$(LINKER) $(TOOL_LDFLAGS) $(LINK_EXE)$@ $^ $(TOOL_LPATHS) $(TOOL_LIBS)
