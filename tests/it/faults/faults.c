/*
 * Fails chosen system calls on the files of one folder; loaded into the daemon with LD_PRELOAD.
 *
 * FAULT_DIR names the folder. FAULT_CONTROL names a file of 64-bit words that both sides have mapped: the test writes
 * what is to fail, this side counts. See `shim.rs` for the words.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum word { ARMED, KINDS, ERRNO, PER_MILLION, NTH, SEED, CALLS, INJECTED, FIRST, FILES, WORDS };
enum files { ALL, DB, JOURNAL };
enum kind { PREAD, PWRITE, READ, WRITE, FSYNC, FDATASYNC, SYNC_RANGE, TRUNCATE, OPEN, RENAME };

static volatile uint64_t *words;
static char folder[4096];
static size_t folder_len;

__attribute__((constructor)) static void begin(void) {
    const char *control = getenv("FAULT_CONTROL"), *dir = getenv("FAULT_DIR");
    if (!control || !dir || strlen(dir) >= sizeof folder) return;
    strcpy(folder, dir);
    folder_len = strlen(folder);
    int (*open_)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int fd = open_(control, O_RDWR);
    if (fd < 0) return;
    void *mapped = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) words = mapped;
}

static int is_meant(const char *path) {
    if (strncmp(path, folder, folder_len) != 0 || path[folder_len] != '/') return 0;
    if (words[FILES] == DB) return strcmp(path + folder_len, "/db") == 0;
    return words[FILES] != JOURNAL || strncmp(path + folder_len, "/journal/", 9) == 0;
}

static uint64_t mixed(uint64_t n) {
    n += 0x9E3779B97F4A7C15u;
    n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9u;
    n = (n ^ (n >> 27)) * 0x94D049BB133111EBu;
    return n ^ (n >> 31);
}

/* Whether this call is to fail. ERRNO 0 means that it does a part of its work alone. */
static int strikes_path(enum kind kind, const char *path) {
    if (!words || !words[ARMED] || !(words[KINDS] >> kind & 1) || !is_meant(path)) return 0;
    uint64_t number = __sync_add_and_fetch(&words[CALLS], 1);
    int hit = words[NTH] ? number == words[NTH] : mixed(words[SEED] + number) % 1000000 < words[PER_MILLION];
    if (hit && __sync_add_and_fetch(&words[INJECTED], 1) == 1) words[FIRST] = kind + 1;
    return hit;
}

static int strikes(enum kind kind, int fd) {
    if (!words || !words[ARMED] || !(words[KINDS] >> kind & 1)) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int saved = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length <= 0) return 0;
    path[length] = 0;
    return strikes_path(kind, path);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define FAIL do { errno = (int)words[ERRNO]; return -1; } while (0)
/* A short call: half of what was asked for, one byte at least. */
#define HALF(length) ((length) > 1 ? (length) / 2 : (length))

ssize_t pread64(int fd, void *into, size_t length, off64_t at) {
    REAL(pread64);
    if (strikes(PREAD, fd)) { if (words[ERRNO]) FAIL; length = HALF(length); }
    return real(fd, into, length, at);
}
ssize_t pread(int fd, void *into, size_t length, off_t at) { return pread64(fd, into, length, at); }
ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at) {
    REAL(pwrite64);
    if (strikes(PWRITE, fd)) {
        /* A failed write may have written a part all the same. */
        if (words[ERRNO]) { if (words[CALLS] % 2) (void)!real(fd, from, HALF(length), at); FAIL; }
        length = HALF(length);
    }
    return real(fd, from, length, at);
}
ssize_t pwrite(int fd, const void *from, size_t length, off_t at) { return pwrite64(fd, from, length, at); }
ssize_t read(int fd, void *into, size_t length) {
    REAL(read);
    if (strikes(READ, fd)) { if (words[ERRNO]) FAIL; length = HALF(length); }
    return real(fd, into, length);
}
ssize_t write(int fd, const void *from, size_t length) {
    REAL(write);
    if (strikes(WRITE, fd)) { if (words[ERRNO]) FAIL; length = HALF(length); }
    return real(fd, from, length);
}
int fsync(int fd) { REAL(fsync); if (strikes(FSYNC, fd) && words[ERRNO]) FAIL; return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); if (strikes(FDATASYNC, fd) && words[ERRNO]) FAIL; return real(fd); }
int sync_file_range(int fd, off64_t at, off64_t length, unsigned flags) {
    REAL(sync_file_range);
    if (strikes(SYNC_RANGE, fd) && words[ERRNO]) FAIL;
    return real(fd, at, length, flags);
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    if (strikes(TRUNCATE, fd) && words[ERRNO]) FAIL;
    return real(fd, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int open64(const char *path, int flags, ...) {
    REAL(open64);
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    if (strikes_path(OPEN, path) && words[ERRNO]) FAIL;
    return real(path, flags, mode);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    if (strikes_path(RENAME, to) && words[ERRNO]) FAIL;
    return real(from, to);
}
