/* A small server for loopback: one line in, one line out. Made once against glibc and once against musl.
 *
 *   echo WORDS   says WORDS        file   reads /data/word anew      fork   lets a child write /tmp/child, and waits
 *   sleep        20 ms of nothing  time   what time it is            anything else: no
 *
 * HUP reads /data/word again, TERM ends it with 0. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t again = 1;
static char word[64];

static void on_hup(int number) { (void)number; again = 1; }
static void on_term(int number) { (void)number; _exit(0); }

static void load(void) {
    FILE *file = fopen("/data/word", "r");
    if (!file || !fgets(word, sizeof word, file)) exit(2);
    fclose(file);
    word[strcspn(word, "\n")] = 0;
    again = 0;
}

static int child(void) {
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        int file = open("/tmp/child", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        _exit(file < 0 || write(file, "x", 1) != 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void answer(char *line, char *out, size_t room) {
    struct timespec pause = {0, 20 * 1000 * 1000};
    if (!strncmp(line, "echo ", 5)) snprintf(out, room, "%s\n", line + 5);
    else if (!strcmp(line, "file")) snprintf(out, room, "%s\n", word);
    else if (!strcmp(line, "fork")) snprintf(out, room, "%s\n", child() ? "yes" : "no");
    else if (!strcmp(line, "sleep")) snprintf(out, room, "%s\n", nanosleep(&pause, NULL) ? "no" : "yes");
    else if (!strcmp(line, "time")) snprintf(out, room, "%ld\n", (long)time(NULL));
    else snprintf(out, room, "no\n");
}

static void serve(int peer) {
    char line[1024], out[1100];
    FILE *in = fdopen(peer, "r");
    while (in && fgets(line, sizeof line, in)) {
        if (again) load();
        line[strcspn(line, "\n")] = 0;
        answer(line, out, sizeof out);
        if (send(peer, out, strlen(out), MSG_NOSIGNAL) < 0) break;
    }
    if (in) fclose(in);
}

int main(int count, char **words) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sigaction hup = {.sa_handler = on_hup, .sa_flags = SA_RESTART}, term = {.sa_handler = on_term};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (count != 2) return 2;
    here.sin_port = htons((unsigned short)atoi(words[1]));
    sigaction(SIGHUP, &hup, NULL);
    sigaction(SIGTERM, &term, NULL);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    load();
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 64)) return 3;
    for (;;) {
        struct pollfd ready = {listener, POLLIN, 0};
        if (poll(&ready, 1, -1) < 1) continue;
        int peer = accept(listener, NULL, NULL);
        if (peer >= 0) serve(peer);
    }
}
