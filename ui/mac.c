#include "ui/mac.h"

#include <string.h>

#include "ui/usage.h"

#define MAC_TEXT_SIZE 17 /* "xx:xx:xx:xx:xx:xx" */

bool mac_parse(const char *option, const char *text, uint8_t ret_mac[6], GError **error)
{
    uint8_t mac[6] = { 0 };
    bool fits = strlen(text) == MAC_TEXT_SIZE;
    for (size_t i = 0; fits && i < 6; i++) {
        int high = g_ascii_xdigit_value(text[i * 3]), low = g_ascii_xdigit_value(text[i * 3 + 1]);
        char after = text[i * 3 + 2];
        fits = high >= 0 && low >= 0 && (i == 5 || after == ':' || after == '-');
        if (fits) {
            mac[i] = (uint8_t)(high << 4 | low);
        }
    }
    if (!fits) {
        return usage_error(error,
                           "%s: mac=%s is no address: write six bytes as in 52:54:00:12:34:56",
                           option, text);
    }
    if (mac[0] & 1) {
        return usage_error(error, "%s: mac=%s is the address of a group: its first byte is odd",
                           option, text);
    }
    memcpy(ret_mac, mac, sizeof(mac));
    return true;
}

/* The range of addresses and the first of them that users of such machines know. */
void mac_default(unsigned index, uint8_t ret_mac[6])
{
    static const uint8_t first[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
    memcpy(ret_mac, first, sizeof(first));
    ret_mac[5] = (uint8_t)(first[5] + index);
}
