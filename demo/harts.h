/* The other harts: asleep until an interrupt from hart 0 gives them a job. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a hart does; runs on the hart `self`. */
typedef void hart_job_fn(unsigned self);

/* Has all other harts run `job`, woken by software interrupts. */
void harts_start(hart_job_fn *job);

/* Whether every hart has ended its job. */
bool harts_done(void);

/* Waits for that until a time; false if one of them has not answered. */
bool harts_wait(uint64_t deadline);

/* Sets or clears a hart's software interrupt. */
void hart_interrupt(unsigned hart, bool on);
