/* Tries what each line of stdin says, a letter and words in hexadecimal, and says "ok" or the number of the error.

   r w a   open a path for reading, writing, appending     c d u  create a file, make a folder, unlink
   C       create a file to append to
   m k x   map executable, lock, execute                   l n    link, rename (two paths)
   E       execute a copy in memory of what is at a path
   s       make a socket (family, type in decimal)         t g    trace, terminate a process (decimal)
   T G     the same to a child of its own                  h M U  chroot, mount, unmount
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *decoded(char *hex) {
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned value = 0;
        sscanf(hex + 2 * i, "%2x", &value);
        hex[i] = (char)value;
    }
    hex[length] = 0;
    return hex;
}

static int opened(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC, 0700);
    return file < 0 ? -1 : close(file);
}

static int mapped(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    void *where = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    int error = errno;
    close(file);
    errno = error;
    return where == MAP_FAILED ? -1 : 0;
}

static int locked(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    int result = flock(file, LOCK_SH), error = errno;
    close(file);
    errno = error;
    return result;
}

static int executed(const char *path) {
    int ends[2], error = 0;
    if (pipe2(ends, O_CLOEXEC)) return -1;
    pid_t child = fork();
    if (!child) {
        char *words[] = {(char *)path, "0", NULL};
        execv(path, words);
        error = errno;
        if (write(ends[1], &error, sizeof error)) _exit(1);
    }
    close(ends[1]);
    if (read(ends[0], &error, sizeof error) < 0) error = EIO;
    close(ends[0]);
    waitpid(child, NULL, 0);
    errno = error;
    return error ? -1 : 0;
}

static int executed_from_memory(const char *path) {
    char buffer[4096], name[64];
    int file = open(path, O_RDONLY | O_CLOEXEC), copy = memfd_create("copy", 0);
    if (file < 0 || copy < 0) return -1;
    for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0;)
        if (write(copy, buffer, (size_t)got) != got) return -1;
    close(file);
    snprintf(name, sizeof name, "/proc/self/fd/%d", copy);
    int result = executed(name), error = errno;
    close(copy);
    errno = error;
    return result;
}

static int traced(pid_t process) {
    if (ptrace(PTRACE_ATTACH, process, NULL, NULL)) return -1;
    waitpid(process, NULL, 0);
    return (int)ptrace(PTRACE_DETACH, process, NULL, NULL);
}

static int with_child(int (*what)(pid_t)) {
    pid_t child = fork();
    if (!child) {
        pause();
        _exit(0);
    }
    int result = what(child), error = errno;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    errno = error;
    return result;
}

static int terminated(pid_t process) { return kill(process, SIGTERM); }

static int attempt(char letter, char *first, char *second) {
    switch (letter) {
    case 's': return socket(atoi(first), atoi(second), 0) < 0 ? -1 : 0;
    case 't': return traced(atoi(first));
    case 'g': return terminated(atoi(first));
    case 'T': return with_child(traced);
    case 'G': return with_child(terminated);
    case 'h': return chroot("/");
    case 'M': return mount("none", "/mnt", "tmpfs", 0, NULL);
    case 'U': return umount("/mounted");
    }
    decoded(first);
    decoded(second);
    switch (letter) {
    case 'r': return opened(first, O_RDONLY);
    case 'w': return opened(first, O_WRONLY);
    case 'a': return opened(first, O_WRONLY | O_APPEND);
    case 'c': return opened(first, O_WRONLY | O_CREAT | O_EXCL);
    case 'C': return opened(first, O_WRONLY | O_APPEND | O_CREAT | O_EXCL);
    case 'd': return mkdir(first, 0700);
    case 'u': return unlink(first);
    case 'l': return link(first, second);
    case 'n': return rename(first, second);
    case 'E': return executed_from_memory(first);
    case 'm': return mapped(first);
    case 'k': return locked(first);
    case 'x': return executed(first);
    }
    errno = EINVAL;
    return -1;
}

int main(int count, char **words) {
    static char line[65536], first[32768], second[32768];
    if (count > 1) return strcmp(words[1], "0") ? 1 : 0;
    while (fgets(line, sizeof line, stdin)) {
        char letter = 0;
        first[0] = second[0] = 0;
        if (sscanf(line, "%c %32767s %32767s", &letter, first, second) < 1) continue;
        errno = 0;
        if (attempt(letter, first, second)) printf("%d\n", errno);
        else printf("ok\n");
        fflush(stdout);
    }
    return 0;
}
