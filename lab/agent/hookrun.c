/*
 * Runs one hook, action or command on behalf of the controller, which talks to it through ssh.
 *
 * Standard input: number of strings, then the strings: lock file, working directory, number of words
 * of the command, these words, and the environment as NAME=value; then a string that the command gets
 * on its standard input. Nothing of this is on a command line, where any user of the host could read
 * it. Standard output: frames O and E with what the command prints, and at last X with two bytes:
 * 0 and the exit status, 1 and the signal that ended it, or 2 and nothing when there is no such
 * program.
 *
 * When standard input ends early the controller is gone or wants the command dead: it is killed with
 * all that it started and that stayed in its process group. The lock file makes sure of the same when
 * a controller comes back to a host on which an earlier run is still going on.
 */
#include "wire.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LINGER_MS 1000 /* how long output is awaited from what a finished command left running */

static void fail(const char *what)
{
    char text[512];
    int length = snprintf(text, sizeof text, "cannot run: %s: %s\n", what, strerror(errno));
    wire_write_frame(STDOUT_FILENO, 'E', text, (uint32_t)length);
    wire_write_frame(STDOUT_FILENO, 'X', "\0\177", 2);
    exit(0);
}

static void end_if_missing(const char *program)
{
    if (access(program, F_OK) < 0 && errno == ENOENT) {
        wire_write_frame(STDOUT_FILENO, 'X', "\2\0", 2);
        exit(0);
    }
}

/* Holds the lock until this process ends; kills whoever held it before. */
static int take_lock(const char *path)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    mkdir(dirname(directory), 0700);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        fail(path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        pid_t group = 0;
        if (pread(fd, &group, sizeof group, 0) == sizeof group && group > 1)
            kill(-group, SIGKILL);
        if (flock(fd, LOCK_EX) < 0)
            fail(path);
    }
    return fd;
}

static char **read_strings(uint32_t *count)
{
    if (wire_read_number(STDIN_FILENO, count) < 0 || *count < 4 || *count > 65536)
        exit(1);
    char **strings = calloc((size_t)*count + 1, sizeof *strings);
    if (strings == NULL)
        exit(1);
    for (uint32_t each = 0; each < *count; ++each)
        if ((strings[each] = wire_read_string(STDIN_FILENO, NULL)) == NULL)
            exit(1);
    return strings;
}

static void run_command(const char *directory, char **words, char **environment, int in, int out,
                        int err)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    umask(022);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (chdir(directory) < 0) {
        fprintf(stderr, "cannot enter %s: %s\n", directory, strerror(errno));
        _exit(127);
    }
    execve(words[0], words, environment);
    fprintf(stderr, "fork/exec %s: %s\n", words[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* The command's input, in a file without a name: the command can take its time with it. */
static int input_file(void)
{
    uint32_t length;
    char *input = wire_read_string(STDIN_FILENO, &length);
    if (input == NULL)
        exit(1);
    if (length == 0)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || wire_write(fd, input, length) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        fail("keeping the input");
    return fd;
}

/* Passes on what there is to read; 0 at the end of the stream. */
static int forward(int fd, char type)
{
    static char buffer[65536];
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    if (got == 0)
        return 0;
    return wire_write_frame(STDOUT_FILENO, type, buffer, (uint32_t)got) == 0;
}

static void report(int status)
{
    char payload[2] = {0, 0};
    if (WIFSIGNALED(status)) {
        payload[0] = 1;
        payload[1] = (char)WTERMSIG(status);
    } else {
        payload[1] = (char)WEXITSTATUS(status);
    }
    wire_write_frame(STDOUT_FILENO, 'X', payload, sizeof payload);
}

/* Also in the moment before the command has a group of its own. */
static void kill_command(pid_t child)
{
    if (kill(-child, SIGKILL) < 0)
        kill(child, SIGKILL);
}

static void supervise(pid_t child, int child_fd, int out, int err)
{
    enum { CONTROL, CHILD, OUT, ERR };
    struct pollfd watched[] = {
        [CONTROL] = {.fd = STDIN_FILENO, .events = POLLIN},
        [CHILD] = {.fd = child_fd, .events = POLLIN},
        [OUT] = {.fd = out, .events = POLLIN},
        [ERR] = {.fd = err, .events = POLLIN},
    };
    int status = 0, ended = 0;
    while (!ended || watched[OUT].fd >= 0 || watched[ERR].fd >= 0) {
        int ready = poll(watched, 4, ended ? LINGER_MS : -1);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        if (watched[CONTROL].revents != 0) {
            char nothing[64];
            if (read(STDIN_FILENO, nothing, sizeof nothing) <= 0) {
                kill_command(child);
                watched[CONTROL].fd = -1;
            }
        }
        if (watched[OUT].revents != 0 && !forward(out, 'O'))
            watched[OUT].fd = -1;
        if (watched[ERR].revents != 0 && !forward(err, 'E'))
            watched[ERR].fd = -1;
        if (watched[CHILD].revents != 0 && waitpid(child, &status, WNOHANG) == child) {
            ended = 1;
            watched[CHILD].fd = -1;
        }
    }
    report(status);
}

int main(void)
{
    uint32_t count;
    char **strings = read_strings(&count);
    int input = input_file();
    int lock = take_lock(strings[0]);
    uint32_t length = (uint32_t)atoi(strings[2]);
    if (length < 1 || 3 + length > count)
        exit(1);
    char **words = calloc((size_t)length + 1, sizeof *words);
    if (words == NULL)
        exit(1);
    memcpy(words, strings + 3, length * sizeof *words);
    end_if_missing(words[0]);

    int out[2], err[2];
    if (input < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        fail("making pipes");
    signal(SIGPIPE, SIG_IGN);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    int child_fd = signalfd(-1, &children, SFD_CLOEXEC);
    if (child_fd < 0)
        fail("watching the command");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        run_command(strings[1], words, strings + 3 + length, input, out[1], err[1]);
    }
    close(out[1]);
    close(err[1]);
    if (pwrite(lock, &child, sizeof child, 0) != sizeof child)
        kill_command(child);
    supervise(child, child_fd, out[0], err[0]);
    return 0;
}
