#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "assent/config/setters.h"
#include "assent/config/source.h"
#include "assent/domain/argv.h"

/* A program that takes code from its command line. */
struct interpreter {
    const char *name;
    const char *code_letters;     /* of options with code behind them */
    const char *argument_letters; /* of options whose argument is none */
    const char *code_option;      /* a long one with code behind it, or NULL */
    bool anywhere;                /* options may stand behind other words */
};

/* A version may follow the name: python3.11. */
static const struct interpreter interpreters[] = {
    {"sh", "c", "oO", NULL, false},
    {"ash", "c", "oO", NULL, false},
    {"bash", "c", "oO", NULL, false},
    {"csh", "c", "", NULL, false},
    {"dash", "c", "oO", NULL, false},
    {"fish", "cC", "dDfo", "--command", false},
    {"ksh", "c", "oO", NULL, false},
    {"mksh", "c", "oO", NULL, false},
    {"rbash", "c", "oO", NULL, false},
    {"tcsh", "c", "", NULL, false},
    {"zsh", "c", "oO", NULL, false},
    {"python", "c", "WX", NULL, false},
    {"pypy", "c", "WX", NULL, false},
    {"perl", "eE", "ImMx", NULL, false},
    {"ruby", "e", "rICWKTE", NULL, false},
    {"node", "ep", "r", "--eval", false},
    {"nodejs", "ep", "r", "--eval", false},
    {"php", "rBRE", "cdfztF", "--run", false},
    {"lua", "e", "l", NULL, false},
    {"Rscript", "e", "", NULL, false},
    {"env", "S", "uC", "--split-string", false},
    {"su", "c", "gGsw", "--command", true},
    {"runuser", "c", "gGsuw", "--command", true},
    {"script", "c", "BEIOT", "--command", true},
    {"flock", "c", "Ew", "--command", true},
};

static const char *base_name(const char *word)
{
    const char *slash = strrchr(word, '/');
    return slash ? slash + 1 : word;
}

static const struct interpreter *find_interpreter(const char *word)
{
    const char *name = base_name(word);
    for (size_t i = 0; i < sizeof interpreters / sizeof interpreters[0]; i++) {
        size_t length = strlen(interpreters[i].name);
        if (strncmp(name, interpreters[i].name, length) == 0 &&
            name[length + strspn(name + length, "0123456789.-")] == '\0') {
            return &interpreters[i];
        }
    }
    return NULL;
}

enum option { OPTION_CODE, OPTION_WITH_ARGUMENT, OPTION_ALONE, OPTION_NONE };

/* What the word is to the interpreter. A long option that is not known may have an argument. */
static enum option classify(const struct interpreter *interpreter, const char *word)
{
    if ((word[0] != '-' && word[0] != '+') || word[1] == '\0' || strcmp(word, "--") == 0) {
        return OPTION_NONE;
    }
    if (word[1] == '-') {
        const char *code = interpreter->code_option;
        bool is_code = code && strncmp(word, code, strlen(code)) == 0;
        return is_code ? OPTION_CODE : OPTION_WITH_ARGUMENT;
    }
    for (const char *letter = word + 1; isalnum((unsigned char)*letter); letter++) {
        if (strchr(interpreter->code_letters, *letter)) {
            return OPTION_CODE;
        }
        if (strchr(interpreter->argument_letters, *letter)) {
            return letter[1] == '\0' ? OPTION_WITH_ARGUMENT : OPTION_ALONE;
        }
    }
    return OPTION_ALONE;
}

/* The first word that the interpreter at words[0] takes as code, or `count`. The option itself
 * counts: its code may be written in the same word. */
static size_t first_code(const struct interpreter *interpreter, char *const *words, size_t count)
{
    bool may_be_argument = false;
    for (size_t i = 1; i < count; i++) {
        enum option option = classify(interpreter, words[i]);
        if (option == OPTION_CODE) {
            return i;
        }
        if (option == OPTION_NONE && !may_be_argument && !interpreter->anywhere) {
            return count;
        }
        may_be_argument = option == OPTION_WITH_ARGUMENT;
    }
    return count;
}

size_t words_first_code(char *const *words, size_t count, const char **ret_interpreter)
{
    for (size_t i = 0; i < count; i++) {
        const struct interpreter *interpreter = find_interpreter(words[i]);
        size_t code = interpreter ? i + first_code(interpreter, words + i, count - i) : count;
        if (code < count) {
            *ret_interpreter = words[i];
            return code;
        }
    }
    return count;
}

static int check_program(const struct template *program, const char *word,
                         struct problem *ret_problem)
{
    if (template_has_placeholders(program)) {
        problem_set(ret_problem, "the program itself can't come from a request");
    } else if (word[0] == '\0' || (word[0] != '/' && strchr(word, '/'))) {
        problem_set(ret_problem, "the program is given by a relative path");
    } else {
        return 0;
    }
    return -EINVAL;
}

/* A request could bring an option in place of a value. */
static int check_options(const struct config_templates *templates, char *const *words,
                         struct problem *ret_problem)
{
    for (size_t i = 0; i < templates->count && strcmp(words[i], "--") != 0; i++) {
        if (!template_begins_with_placeholder(templates->items[i])) {
            continue;
        }
        problem_set(ret_problem,
                    "the word %.80s begins with a placeholder, so that a request could "
                    "make an option of it; put -- before it, or --name=%.80s",
                    words[i], words[i]);
        return -EINVAL;
    }
    return 0;
}

/* A request could bring code. */
static int check_code(const struct config_templates *templates, char *const *words,
                      struct problem *ret_problem)
{
    const char *interpreter = NULL;
    size_t i = words_first_code(words, templates->count, &interpreter);
    for (; i < templates->count; i++) {
        if (!template_has_placeholders(templates->items[i])) {
            continue;
        }
        problem_set(ret_problem,
                    "%.80s would take %.80s as part of its code, so that a request "
                    "could run anything; use shell = and $ASSENT_REQUEST_ID and its "
                    "like, or a script of its own",
                    interpreter, words[i]);
        return -EINVAL;
    }
    return 0;
}

static int compile_words(struct config_templates *templates, char *const *words, size_t count,
                         struct problem *ret_problem)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = templates_append(templates, TEMPLATE_WORD, words[i], ret_problem);
    }
    if (r == 0) {
        r = check_program(templates->items[0], words[0], ret_problem);
    }
    if (r == 0) {
        r = check_code(templates, words, ret_problem);
    }
    if (r == 0) {
        r = check_options(templates, words, ret_problem);
    }
    return r;
}

int set_words(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_hook *hook = object;
    char **words = NULL;
    size_t count;
    int r = argv_split(entry->value, &words, &count, ret_problem);
    if (r == 0) {
        r = compile_words(&hook->words, words, count, ret_problem);
    }
    argv_free(words);
    return r;
}
