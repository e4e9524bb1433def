# headsup: `make demo` shows it running, `make check` tests it. Both install what they miss.
BUILD  ?= build
CC     ?= cc
CLANG  ?= clang
PREFIX ?= /usr/local
VERSION := 0.1.0

PKGS := libwebsockets libcurl libcjson sqlite3 libuv libmicrohttpd libfyaml libpcre2-8 openssl
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARD := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero -fPIE
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(SAN),1)
BUILD_DIR := $(BUILD)/asan
HARD := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
LINK := -pie -fsanitize=address,undefined
else
BUILD_DIR := $(BUILD)
endif
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DHEADSUP_VERSION='"$(VERSION)"' -I. -I$(BUILD_DIR)/gen $(WARN) $(HARD) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) $(SYSTEMD)) -lcjson_utils -lm
SYSTEMD := $(shell pkg-config --exists libsystemd && echo libsystemd)
ALL_CFLAGS += $(if $(SYSTEMD),-DHAVE_SYSTEMD)

SRC  := $(filter-out bot/main.c,$(wildcard bot/*.c handlers/*.c handlers/*/*.c storage/*.c config/*.c config/base/*.c))
OBJ  := $(SRC:%.c=$(BUILD_DIR)/%.o) $(BUILD_DIR)/gen/embedded.o
SIM  := $(patsubst %.c,$(BUILD_DIR)/%.o,$(wildcard tests/simulator/*.c))
UNIT := $(patsubst tests/unit/%.c,$(BUILD_DIR)/tests/unit/%,$(wildcard tests/unit/test_*.c))
E2E  := $(patsubst tests/e2e/%.c,$(BUILD_DIR)/tests/e2e/%,$(wildcard tests/e2e/test_*.c))
HARNESS := $(patsubst %.c,$(BUILD_DIR)/%.o,$(filter-out $(wildcard tests/e2e/test_*.c),$(wildcard tests/e2e/*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all demo check asan unit e2e arrows bench fuzz install clean deps format programs
all: programs
programs: $(BUILD_DIR)/headsup $(BUILD_DIR)/headsup-sim $(BUILD_DIR)/test-clock.so

$(BUILD_DIR)/headsup: $(OBJ) $(BUILD_DIR)/bot/main.o
	$(CC) $(LINK) -o $@ $^ $(LIBS)
$(BUILD_DIR)/headsup-sim: $(SIM) $(filter-out $(BUILD_DIR)/bot/%,$(OBJ))
	$(CC) $(LINK) -o $@ $^ $(LIBS)
$(BUILD_DIR)/test-clock.so: tests/e2e/clock/clock.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl
$(BUILD_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD_DIR)/gen/embedded.c: deploy/embed.sh $(wildcard storage/migrations/*.sql config/formats/*.yaml)
	@mkdir -p $(@D)
	sh deploy/embed.sh > $@.tmp && mv $@.tmp $@
$(BUILD_DIR)/gen/embedded.o: $(BUILD_DIR)/gen/embedded.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD_DIR)/tests/unit/%: tests/unit/%.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LINK) -o $@ $< $(OBJ) $(LIBS) -lcmocka
$(BUILD_DIR)/tests/e2e/%: tests/e2e/%.c $(HARNESS) $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LINK) -o $@ $< $(HARNESS) $(OBJ) $(LIBS) -lcmocka

unit: $(if $(ONLY),$(BUILD_DIR)/tests/unit/$(ONLY),$(UNIT))
	@set -e; for t in $^; do echo "== $$t"; $$t; done
e2e: programs $(if $(ONLY),$(BUILD_DIR)/tests/e2e/$(ONLY),$(E2E))
	@set -e; for t in $(filter $(BUILD_DIR)/tests/%,$^); do echo "== $$t"; HEADSUP_BUILD=$(BUILD_DIR) $$t; done

-include $(shell find $(BUILD_DIR) -name '*.d' 2>/dev/null)
