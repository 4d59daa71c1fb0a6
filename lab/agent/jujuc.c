/*
 * The hook tools: one program under many names. It hands its command line to the controller and does
 * what the controller answers: print, read a file, write a file, exit.
 *
 * Request: number of strings, then the strings: context id, secret of the host, tool, working
 * directory, arguments. Answers are frames: O and E are text for standard output and error; R is a
 * path to read ("-" is standard input), W a path and contents to write, both answered with a frame
 * whose type is 0 or an errno and whose payload is what was read; X is the exit status, one byte.
 *
 * The file `agent.conf` beside the program holds the controller's address and the host's secret, one
 * a line. Only root can read it; others get by with the environment of a hook.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef AGENT_VERSION
#error "AGENT_VERSION must be defined, e.g. 3.6.8-ubuntu-amd64"
#endif

#define FIELD 256

static char address[FIELD];
static char secret[FIELD];

static void die(const char *text)
{
    fprintf(stderr, "ERROR %s\n", text);
    exit(1);
}

static void take_line(char **text, char *field)
{
    size_t length = strcspn(*text, "\n");
    if (length < FIELD) {
        memcpy(field, *text, length);
        field[length] = '\0';
    }
    *text += length;
    if (**text == '\n')
        ++*text;
}

static void read_configuration(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof "/agent.conf");
    if (length > 0) {
        path[length] = '\0';
        char *slash = strrchr(path, '/');
        strcpy(slash, "/agent.conf");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            char text[2 * FIELD];
            ssize_t got = read(fd, text, sizeof text - 1);
            close(fd);
            text[got > 0 ? got : 0] = '\0';
            char *next = text;
            take_line(&next, address);
            take_line(&next, secret);
        }
    }
    const char *known = getenv("JUJU_API_ADDRESSES");
    if (address[0] == '\0' && known != NULL)
        snprintf(address, sizeof address, "%.*s", (int)strcspn(known, " "), known);
}

static int connect_to_controller(void)
{
    char host[FIELD];
    snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    if (colon == NULL)
        die("the controller's address is not known");
    *colon = '\0';
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    if (inet_pton(AF_INET, host, &there.sin_addr) != 1)
        die("the controller's address is not valid");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof there) < 0)
        die("cannot reach the controller");
    return fd;
}

static void send_request(int fd, const char *tool, int argc, char **argv)
{
    const char *context = getenv("JUJU_CONTEXT_ID");
    char directory[PATH_MAX];
    if (getcwd(directory, sizeof directory) == NULL)
        strcpy(directory, "/");
    size_t count = 4 + (size_t)(argc - 1);
    const char **strings = calloc(count, sizeof *strings);
    if (strings == NULL)
        die("out of memory");
    strings[0] = context != NULL ? context : "";
    strings[1] = secret;
    strings[2] = tool;
    strings[3] = directory;
    for (int each = 1; each < argc; ++each)
        strings[3 + each] = argv[each];
    size_t size = 4;
    for (size_t each = 0; each < count; ++each)
        size += 4 + strlen(strings[each]);
    unsigned char *request = malloc(size);
    if (request == NULL)
        die("out of memory");
    unsigned char *place = request;
    wire_put(place, (uint32_t)count);
    place += 4;
    for (size_t each = 0; each < count; ++each) {
        size_t length = strlen(strings[each]);
        wire_put(place, (uint32_t)length);
        memcpy(place + 4, strings[each], length);
        place += 4 + length;
    }
    if (wire_write(fd, request, size) < 0)
        die("connection to the controller lost");
}

static void answer_read(int fd, const char *path)
{
    int file = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        wire_write_frame(fd, (char)errno, "", 0);
        return;
    }
    size_t room = 65536, used = 0;
    char *content = malloc(room);
    for (;;) {
        if (content == NULL)
            die("out of memory");
        ssize_t got = read(file, content + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            wire_write_frame(fd, (char)errno, "", 0);
            return;
        }
        if (got == 0)
            break;
        used += (size_t)got;
        if (used > WIRE_LIMIT) {
            wire_write_frame(fd, EFBIG, "", 0);
            return;
        }
        if (used == room)
            content = realloc(content, room *= 2);
    }
    wire_write_frame(fd, 0, content, (uint32_t)used);
}

/* The payload is a string, the path, and after it what is to be written. */
static void answer_write(int fd, const char *payload, uint32_t length)
{
    uint32_t name = length >= 4 ? wire_get((const unsigned char *)payload) : 0;
    char path[PATH_MAX];
    if (name == 0 || name >= sizeof path || 4 + name > length)
        die("the controller's answer is not understood");
    memcpy(path, payload + 4, name);
    path[name] = '\0';
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int failure = 0;
    if (file < 0 || wire_write(file, payload + 4 + name, length - 4 - name) < 0 || close(file) < 0)
        failure = errno;
    wire_write_frame(fd, (char)failure, "", 0);
}

static int follow_answers(int fd)
{
    for (;;) {
        char type;
        uint32_t length;
        if (wire_read(fd, &type, 1) < 0)
            die("connection to the controller lost");
        char *payload = wire_read_string(fd, &length);
        if (payload == NULL)
            die("connection to the controller lost");
        switch (type) {
        case 'O':
            wire_write(STDOUT_FILENO, payload, length);
            break;
        case 'E':
            wire_write(STDERR_FILENO, payload, length);
            break;
        case 'R':
            answer_read(fd, payload);
            break;
        case 'W':
            answer_write(fd, payload, length);
            break;
        case 'X':
            return length > 0 ? (unsigned char)payload[0] : 1;
        default:
            die("the controller's answer is not understood");
        }
        free(payload);
    }
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *tool = slash != NULL ? slash + 1 : argv[0];
    if (strcmp(tool, "jujud") == 0) {
        puts(AGENT_VERSION);
        return 0;
    }
    read_configuration();
    int fd = connect_to_controller();
    send_request(fd, tool, argc, argv);
    return follow_answers(fd);
}
