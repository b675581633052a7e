/* Numbers that C and assembly share. */
#pragma once

#define HARTS_MAX        8  /* further harts sleep */
#define STACK_SHIFT      14 /* 16 KiB each */
#define TRAP_STACK_SHIFT 12
#define TRAP_PC          256 /* in struct trap_frame, behind the registers */
#define TRAP_FRAME_SIZE  272
