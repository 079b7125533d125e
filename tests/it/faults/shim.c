/* Preloaded into the binary: counts what it does to files below a directory and makes the n-th operation fail.
 *
 *   FAULT_DIR    the directory, absolute and without links
 *   FAULT_AT     which operation, from 1; 0: none
 *   FAULT_KIND   "kill" kills the process before the operation (a write is half done),
 *                "full" fails it with ENOSPC, "broken" with EIO
 *   FAULT_COUNT  a file that the number of operations is written to at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long count;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static const char *dir(void) { return getenv("FAULT_DIR"); }

static int is_below(const char *path) {
    const char *root = dir();
    size_t length = root ? strlen(root) : 0;
    return length && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int fd_is_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!dir()) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int path_is_below(int at, const char *path) {
    char whole[2 * PATH_MAX];
    if (!dir()) return 0;
    if (path[0] == '/') return is_below(path);
    if (at != AT_FDCWD) return fd_is_below(at);
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
    return is_below(whole);
}

/* 0: go on; -1: fail with errno. Does not return when the process is to die. */
static int meet(int fd, const void *data, size_t size) {
    const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
    long number = atomic_fetch_add(&count, 1) + 1;
    if (!at || !kind || number != atol(at)) return 0;
    if (strcmp(kind, "kill") == 0) {
        REAL(write);
        if (data && size > 1) (void)!real(fd, data, size / 2);
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = strcmp(kind, "full") == 0 ? ENOSPC : EIO;
    return -1;
}

static int meet_path(int at, const char *path) { return path_is_below(at, path) ? meet(-1, NULL, 0) : 0; }
static int meet_fd(int fd) { return fd_is_below(fd) ? meet(-1, NULL, 0) : 0; }
static int changes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("FAULT_COUNT");
    if (!path) return;
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "%ld", atomic_load(&count));
    fclose(file);
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) {
    REAL(open); MODE(flags)
    return changes(flags) && meet_path(AT_FDCWD, path) ? -1 : real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    REAL(open64); MODE(flags)
    return changes(flags) && meet_path(AT_FDCWD, path) ? -1 : real(path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    REAL(openat); MODE(flags)
    return changes(flags) && meet_path(at, path) ? -1 : real(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    REAL(openat64); MODE(flags)
    return changes(flags) && meet_path(at, path) ? -1 : real(at, path, flags, mode);
}
ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    return fd_is_below(fd) && meet(fd, data, size) ? -1 : real(fd, data, size);
}
ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(writev);
    return meet_fd(fd) ? -1 : real(fd, parts, number);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    REAL(pwrite);
    return meet_fd(fd) ? -1 : real(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    REAL(pwrite64);
    return meet_fd(fd) ? -1 : real(fd, data, size, offset);
}
int fsync(int fd) { REAL(fsync); return meet_fd(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return meet_fd(fd) ? -1 : real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); return meet_fd(fd) ? -1 : real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); return meet_fd(fd) ? -1 : real(fd, size); }
int rename(const char *from, const char *to) { REAL(rename); return meet_path(AT_FDCWD, to) ? -1 : real(from, to); }
int renameat(int a, const char *from, int b, const char *to) {
    REAL(renameat);
    return meet_path(b, to) ? -1 : real(a, from, b, to);
}
int link(const char *from, const char *to) { REAL(link); return meet_path(AT_FDCWD, to) ? -1 : real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    REAL(linkat);
    return meet_path(b, to) ? -1 : real(a, from, b, to, flags);
}
int symlink(const char *from, const char *to) { REAL(symlink); return meet_path(AT_FDCWD, to) ? -1 : real(from, to); }
int unlink(const char *path) { REAL(unlink); return meet_path(AT_FDCWD, path) ? -1 : real(path); }
int unlinkat(int at, const char *path, int flags) { REAL(unlinkat); return meet_path(at, path) ? -1 : real(at, path, flags); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); return meet_path(AT_FDCWD, path) ? -1 : real(path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { REAL(mkdirat); return meet_path(at, path) ? -1 : real(at, path, mode); }
int rmdir(const char *path) { REAL(rmdir); return meet_path(AT_FDCWD, path) ? -1 : real(path); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    REAL(copy_file_range);
    return meet_fd(out) ? -1 : real(in, from, out, to, size, flags);
}
