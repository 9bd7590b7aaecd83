/* Send frames of 64 bytes (60 and the checksum) as fast as an interface takes them: flood INTERFACE MAC SECONDS.
 * Prints how many the interface took. Those who count look at the receiver. */
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, FRAME = 60, ETHERTYPE = 0x88b5 /* for experiments, IEEE 802 */ };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    unsigned char frame[FRAME] = {0};
    struct sockaddr_ll at = {.sll_family = AF_PACKET};
    struct mmsghdr messages[BATCH] = {0};
    struct iovec part = {frame, FRAME};
    struct ifreq interface = {0};
    int fd = socket(AF_PACKET, SOCK_RAW, 0), bypass = 1;

    if (argc != 4 || sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", frame, frame + 1, frame + 2, frame + 3, frame + 4,
                            frame + 5) != 6) {
        fprintf(stderr, "usage: flood INTERFACE MAC SECONDS\n");
        return 2;
    }
    strncpy(interface.ifr_name, argv[1], IFNAMSIZ - 1);
    at.sll_ifindex = if_nametoindex(argv[1]);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &interface) < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof bypass) < 0) {
        perror(argv[1]);
        return 1;
    }
    memcpy(frame + 6, interface.ifr_hwaddr.sa_data, 6);
    frame[12] = ETHERTYPE >> 8, frame[13] = ETHERTYPE & 0xff;
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr.msg_iov = &part, messages[i].msg_hdr.msg_iovlen = 1;
    long sent = 0;
    for (double end = now() + atof(argv[3]); now() < end;) {
        int taken = sendmmsg(fd, messages, BATCH, 0);
        sent += taken > 0 ? taken : 0;
    }
    printf("%ld\n", sent);
    return 0;
}
