/*
 * The operator's side, on a port of its own: what scripts the service and looks at it.
 */
#ifndef TESTS_SERVICE_OPERATOR_H
#define TESTS_SERVICE_OPERATOR_H

#include "web.h"

/* Answers `/_operator/...`, as main.c lists it. The userdata is the service. */
struct web_reply operator_serve(void *service, const struct web_call *call);

#endif
