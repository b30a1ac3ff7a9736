#include "integration/run_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct house *house;
struct http_server *server;

void set_up(void)
{
    house = house_new();
}

void tear_down(void)
{
    house_free(house);
    http_server_stop(server);
    server = NULL;
}

void start(const char *sections)
{
    const char *place = strstr(sections, "%HTTP%");
    char *text;

    if (!place) {
        house_configure(house, sections);
    } else {
        server = http_server_start();
        text = house_format(house, "%.*shttp://127.0.0.1:%d%s", (int)(place - sections), sections,
                            http_server_port(server), place + strlen("%HTTP%"));
        house_configure(house, text);
        free(text);
    }
    house_start(house);
}

void register_with(const char *members)
{
    char *body = house_format(house, "{\"requestId\":\"req_1\",\"action\":\"go\"%s}", members);

    house_register(house, body);
    free(body);
}

void approve(void)
{
    house_decide(house,
                 "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedAt\":"
                 "\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}",
                 "matched");
}

void go(const char *id)
{
    house_register_as(house, id, "go");
    house_approve(house, id);
}

void expect_output(const char *expected)
{
    json_t *output;

    json_decref(house_job_in(house, "req_1", "succeeded"));
    output = house_output(house, "req_1");
    ck_assert_str_eq(text_at(output, "/stdout/head"), expected);
    ck_assert_str_eq(text_at(output, "/stderr/head"), "");
    ck_assert_int_eq(number_at(output, "/stdout/dropped"), 0);
    json_decref(output);
}

void expect_error(const char *id, const char *error)
{
    json_t *job = house_job(house, id);

    ck_assert_str_eq(text_at(job, "/error"), error);
    json_decref(job);
}
