/*
 * From the text of a value to the field of a struct: one function for each type of value.
 *
 * Each has the signature of key_setter. A problem says what is wrong; what was expected is in the
 * table of keys.
 *
 * Owns: nothing; what is set belongs to the object. Runs in: supervisor, every role (unpack),
 * assentctl. Pure. May call: quantity, argv, template, policy, signature, url, json, log's names.
 */
#ifndef ASSENT_CONFIG_SETTERS_H
#define ASSENT_CONFIG_SETTERS_H

#include "assent/config/config.h"
#include "assent/config/keys.h"

/* setters.c: the key's offset says where */
key_setter set_duration, set_size, set_number, set_octal, set_yes_no, set_on_off, set_rate;
key_setter set_content;
key_setter set_log_level, set_on_interrupt;
key_setter set_text, set_absolute_path, set_socket_path, set_group, set_webhook_path, set_pointer;
key_setter set_hook_names, set_accept, set_for_each, set_policy;

/* setters.c: the only such field of its object */
key_setter set_secret, set_env;

/* listen.c */
key_setter set_listen, set_tcp_listen, set_trusted_proxy;

/* interfaces.c */
key_setter set_token;

/* service.c */
key_setter set_scheme, set_service_url, set_callback_url, set_api_key, set_service_ca;
key_setter set_relay_allow, set_relay_secret;

/* words.c */
key_setter set_words;

/* call.c */
key_setter set_call, set_header, set_body, set_bearer, set_tls_ca, set_expect;

/* Appends a copy of the text. 0 or -ENOMEM. */
int texts_append(struct config_texts *texts, const char *text, size_t length);
/* Appends the compiled text. 0, -EINVAL with a problem, or -ENOMEM. */
int templates_append(struct config_templates *templates, enum template_kind kind, const char *text,
                     struct problem *ret_problem);
/* Copies the content of the file that the entry names, and puts an uncounted NUL behind it. 0 or
 * -ENOMEM. */
int content_copy(const struct source_entry *entry, struct signature_secret *ret_secret);
/* The same with a file that must hold certificates in PEM form: -EINVAL with a problem. */
int set_certificates(const struct source_entry *entry, struct signature_secret *ret_certificates,
                     struct problem *ret_problem);
/* The field that the entry's key is about. */
void *setter_field(const struct source_entry *entry, void *object);

/* The first of the words that an interpreter takes as code (`sh -c CODE`), wherever in the command
 * line the interpreter stands; `count` if there is none. `ret_interpreter` is its name as it stands
 * there. */
size_t words_first_code(char *const *words, size_t count, const char **ret_interpreter);

#endif
