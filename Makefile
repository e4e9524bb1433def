# headsup: `make demo` shows it running, `make check` tests it; both install what they miss. `make` builds build/headsup.
BUILD   ?= build
CC      ?= cc
CLANG   ?= clang
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

PKGS := libwebsockets libcurl libcjson sqlite3 libuv libmicrohttpd libfyaml libpcre2-8 openssl
WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARD := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero -fPIE
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack
B    := $(BUILD)
ifeq ($(SAN),1)
B    := $(BUILD)/asan
HARD := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
LINK := -pie -fsanitize=address,undefined
endif
CFLAGS  ?= -O2 -g
SYSTEMD := $(shell pkg-config --exists libsystemd 2>/dev/null && echo libsystemd)
FLAGS   := -std=gnu11 -D_GNU_SOURCE -DHEADSUP_VERSION='"$(VERSION)"' $(if $(SYSTEMD),-DHAVE_SYSTEMD) -I. $(WARN)
LIBS     = $(shell pkg-config --libs $(PKGS) $(SYSTEMD)) -lm

SRC     := $(filter-out bot/main.c,$(wildcard bot/*.c handlers/*.c handlers/*/*.c storage/*.c config/*.c config/base/*.c))
OBJ     := $(SRC:%.c=$B/%.o) $B/gen/embedded.o
SIM     := $(patsubst %.c,$B/%.o,$(wildcard tests/simulator/*.c))
TEST     = $(patsubst %.c,$B/%,$(wildcard tests/$1/$(or $(ONLY),test_*).c))
HARNESS := $(patsubst %.c,$B/%.o,$(filter-out $(wildcard tests/e2e/test_*.c),$(wildcard tests/e2e/*.c)))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_S  ?= 3
FUZZING := -O1 -g -fno-sanitize-recover=all -fsanitize=address,undefined
Q       := $(if $(V),,@)# V=1 shows the commands
say      = @echo '  $1	$(@:$(BUILD)/%=%)'

.SECONDARY:
.PHONY: all demo check asan unit e2e arrows fuzz bench install clean
all: $B/headsup $B/headsup-sim $B/test-clock.so
demo:
	@sh deploy/deps.sh demo
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) sh deploy/demo.sh
check:
	@BUILD=$(BUILD) sh deploy/deps.sh check
	@$(MAKE) --no-print-directory arrows
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory -j2 unit
	@$(MAKE) --no-print-directory -j2 e2e
	@$(MAKE) --no-print-directory asan
	@$(MAKE) --no-print-directory -j2 fuzz
	@sh tests/summary.sh
asan: # the whole suite under AddressSanitizer and UndefinedBehaviourSanitizer
	@$(MAKE) --no-print-directory SAN=1 -j2 all
	@$(MAKE) --no-print-directory SAN=1 -j2 unit
	@$(MAKE) --no-print-directory SAN=1 -j2 e2e
arrows:
	@sh tests/arrows.sh
unit: $(call TEST,unit)
	@HEADSUP_BUILD=$B sh tests/run.sh $^
e2e: all $(call TEST,e2e)
	@HEADSUP_BUILD=$B sh tests/run.sh $(call TEST,e2e)
fuzz: $(FUZZ) # FUZZ_S seconds a parser; `make fuzz FUZZ_S=3600` for a night
	@FUZZ_S=$(FUZZ_S) sh tests/fuzz/run.sh $(FUZZ)
bench: all
	@$(MAKE) --no-print-directory $(patsubst %.c,$B/%,$(wildcard tests/bench/bench_*.c))
	@BUILD=$B sh tests/bench/run.sh
install: $B/headsup
	install -D -m 755 $B/headsup $(DESTDIR)$(PREFIX)/bin/headsup
	install -D -m 644 deploy/headsup.service $(DESTDIR)$(PREFIX)/lib/systemd/system/headsup.service
	install -D -m 640 deploy/headsup.yaml $(DESTDIR)/etc/headsup/headsup.yaml.example
	for page in deploy/man/*; do install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
clean:
	rm -rf $(BUILD)

$B/headsup: $(OBJ) $B/bot/main.o
	$(call say,LINK)
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)
$B/headsup-sim: $(SIM) $(filter-out $B/bot/%,$(OBJ))
	$(call say,LINK)
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)
$B/test-clock.so: tests/e2e/clock/clock.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl
$B/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FLAGS) $(HARD) $(CFLAGS) -MMD -MP -c -o $@ $<
$B/gen/embedded.c: deploy/embed.sh $(wildcard storage/migrations/*.sql config/formats/*.yaml)
	@mkdir -p $(@D)
	@sh deploy/embed.sh > $@.tmp && mv $@.tmp $@
$B/gen/embedded.o: $B/gen/embedded.c
	$(call say,CC)
	$(Q)$(CC) $(FLAGS) $(HARD) $(CFLAGS) -Wno-overlength-strings -c -o $@ $<
$B/tests/%: tests/%.c $(HARNESS) $(OBJ)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(FLAGS) $(HARD) $(CFLAGS) -MMD -MP -MF $@.d $(LINK) -o $@ $< $(if $(findstring /unit/,$@),,$(HARNESS)) $(OBJ) $(LIBS) -lcmocka
$(BUILD)/fuzz/o/%.o: %.c # the program again, instrumented for libFuzzer
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CLANG) $(FLAGS) $(FUZZING),fuzzer-no-link -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(SRC:%.c=$(BUILD)/fuzz/o/%.o) $B/gen/embedded.o
	$(call say,LINK)
	$(Q)$(CLANG) $(FLAGS) $(FUZZING),fuzzer -Wno-missing-prototypes -o $@ $^ $(LIBS)

-include $(shell find $B -name '*.d' 2>/dev/null)
