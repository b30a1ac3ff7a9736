/*
 * What is paused, as people read it.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: fields, screen.
 */
#ifndef ASSENT_CTL_PAUSE_VIEW_H
#define ASSENT_CTL_PAUSE_VIEW_H

#include <jansson.h>

#include "assent/base/buffer.h"
#include "assent/ctl/screen.h"

/* Appends `all hooks for 4m12s, by uid:0` for one row of the daemon's list. */
void pause_append(struct buffer *out, const json_t *pause, int64_t now);

/* The whole list: a field for each, loudly. Nothing if nothing is paused. */
void pause_view(struct screen *screen, const json_t *paused);

#endif
