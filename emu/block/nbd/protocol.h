/*
 * The network block device protocol as it stands on the wire: fixed newstyle negotiation,
 * structured replies, base:allocation ("doc/proto.md" of the NBD project). All big endian.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include <glib.h>

#include "emu/block/big_endian.h"
#include "platform/file.h"

#define NBD_PORT 10809

#define NBD_MAGIC            0x4e42444d41474943u /* "NBDMAGIC" */
#define NBD_MAGIC_OPTION     0x49484156454f5054u /* "IHAVEOPT" */
#define NBD_MAGIC_OLDSTYLE   0x0000420281861253u
#define NBD_MAGIC_REPLY      0x0003e889045565a9u /* to an option */
#define NBD_MAGIC_REQUEST    0x25609513u
#define NBD_MAGIC_SIMPLE     0x67446698u
#define NBD_MAGIC_STRUCTURED 0x668e33efu

#define NBD_NAME_MAX     4096
#define NBD_TRANSFER_MAX (32u * 1024 * 1024)
#define NBD_OPTION_MAX   (64u * 1024) /* bytes of one option, or of a reply to one, that we read */
#define NBD_CONTEXT      "base:allocation"
#define NBD_REQUEST_SIZE 28
#define NBD_SIMPLE_SIZE  16
#define NBD_CHUNK_SIZE   20
#define NBD_OPTION_SIZE  16
#define NBD_REPLY_SIZE   20
#define NBD_ZEROES_SIZE  124 /* what follows the answer to EXPORT_NAME without NO_ZEROES */

/* Both ways, at the beginning. */
enum { NBD_FIXED_NEWSTYLE = 1, NBD_NO_ZEROES = 2 };

enum nbd_option {
    NBD_OPT_EXPORT_NAME = 1,
    NBD_OPT_ABORT = 2,
    NBD_OPT_LIST = 3,
    NBD_OPT_STARTTLS = 5,
    NBD_OPT_INFO = 6,
    NBD_OPT_GO = 7,
    NBD_OPT_STRUCTURED_REPLY = 8,
    NBD_OPT_LIST_META_CONTEXT = 9,
    NBD_OPT_SET_META_CONTEXT = 10,
};

#define NBD_REP_ERROR 0x80000000u

enum nbd_option_reply {
    NBD_REP_ACK = 1,
    NBD_REP_SERVER = 2,
    NBD_REP_INFO = 3,
    NBD_REP_META_CONTEXT = 4,
};

#define NBD_REP_ERR_UNSUP     (NBD_REP_ERROR + 1)
#define NBD_REP_ERR_POLICY    (NBD_REP_ERROR + 2)
#define NBD_REP_ERR_INVALID   (NBD_REP_ERROR + 3)
#define NBD_REP_ERR_TLS       (NBD_REP_ERROR + 5)
#define NBD_REP_ERR_UNKNOWN   (NBD_REP_ERROR + 6)
#define NBD_REP_ERR_BLOCKSIZE (NBD_REP_ERROR + 8)
#define NBD_REP_ERR_TOO_BIG   (NBD_REP_ERROR + 9)

enum nbd_info { NBD_INFO_EXPORT = 0, NBD_INFO_NAME = 1, NBD_INFO_BLOCK_SIZE = 3 };

/* What an export can do. */
enum {
    NBD_HAS_FLAGS = 1,
    NBD_READ_ONLY = 2,
    NBD_SEND_FLUSH = 4,
    NBD_SEND_FUA = 8,
    NBD_SEND_TRIM = 32,
    NBD_SEND_WRITE_ZEROES = 64,
    NBD_SEND_DF = 128,
    NBD_CAN_MULTI_CONN = 256,
    NBD_SEND_FAST_ZERO = 2048,
};

enum nbd_command {
    NBD_CMD_READ,
    NBD_CMD_WRITE,
    NBD_CMD_DISC,
    NBD_CMD_FLUSH,
    NBD_CMD_TRIM,
    NBD_CMD_WRITE_ZEROES = 6,
    NBD_CMD_BLOCK_STATUS = 7,
};

enum nbd_command_flag {
    NBD_FLAG_FUA = 1,
    NBD_FLAG_NO_HOLE = 2,
    NBD_FLAG_DF = 4,
    NBD_FLAG_REQ_ONE = 8,
    NBD_FLAG_FAST_ZERO = 16,
};

/* Chunks of a structured reply. */
enum nbd_chunk {
    NBD_CHUNK_NONE = 0,
    NBD_CHUNK_DATA = 1,
    NBD_CHUNK_HOLE = 2,
    NBD_CHUNK_STATUS = 5,
    NBD_CHUNK_ERROR = 0x8001,
    NBD_CHUNK_ERROR_OFFSET = 0x8002,
};

enum { NBD_CHUNK_DONE = 1 };

/* Of base:allocation. */
enum { NBD_STATE_HOLE = 1, NBD_STATE_ZERO = 2 };

enum nbd_errno {
    NBD_EPERM = 1,
    NBD_EIO = 5,
    NBD_ENOMEM = 12,
    NBD_EINVAL = 22,
    NBD_ENOSPC = 28,
    NBD_EOVERFLOW = 75,
    NBD_ENOTSUP = 95,
    NBD_ESHUTDOWN = 108,
};
