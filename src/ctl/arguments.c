#include "assent/ctl/arguments.h"

#include <errno.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/domain/quantity.h"

/* What is being read: the words, where in them, and what they may say. */
struct reading {
    struct arguments *arguments;
    const char *const *words;
    int count;
    int at;
    const struct option_spec *own;
    const struct option_spec *common;
    struct problem *problem;
};

static const struct option_spec *find_in(const struct option_spec *list, const char *name,
                                         size_t length, char letter)
{
    for (; list && list->name; list++) {
        if (name && strlen(list->name) == length && strncmp(list->name, name, length) == 0) {
            return list;
        }
        if (letter && list->letter == letter) {
            return list;
        }
    }
    return NULL;
}

static const struct option_spec *find(const struct reading *reading, const char *name,
                                      size_t length, char letter)
{
    const struct option_spec *found = find_in(reading->own, name, length, letter);

    return found ? found : find_in(reading->common, name, length, letter);
}

static int keep_option(struct reading *reading, const struct option_spec *option, const char *value)
{
    struct arguments *arguments = reading->arguments;

    if (arguments_has(arguments, option->name)) {
        problem_set(reading->problem, "--%s is given twice", option->name);
        return -EINVAL;
    }
    if (arguments->option_count == ARGUMENTS_OPTION_LIMIT) {
        problem_set(reading->problem, "too many options");
        return -EINVAL;
    }
    arguments->options[arguments->option_count++] =
        (struct arguments_given){.name = option->name, .value = value};
    return 0;
}

/* The value of an option is what is attached to it, or the next word. */
static int take_value(struct reading *reading, const struct option_spec *option,
                      const char *attached)
{
    if (!option->argument && attached) {
        problem_set(reading->problem, "--%s takes no value", option->name);
        return -EINVAL;
    }
    if (option->argument && !attached) {
        if (reading->at == reading->count) {
            problem_set(reading->problem, "--%s: expected %s behind it", option->name,
                        option->argument);
            return -EINVAL;
        }
        attached = reading->words[reading->at++];
    }
    return keep_option(reading, option, attached ? attached : "");
}

static int take_long(struct reading *reading, const char *word)
{
    size_t length = strcspn(word, "=");
    const struct option_spec *option = find(reading, word, length, 0);

    if (!option) {
        problem_set(reading->problem, "unknown option --%.*s", (int)(length < 100 ? length : 100),
                    word);
        return -EINVAL;
    }
    return take_value(reading, option, word[length] == '=' ? word + length + 1 : NULL);
}

/* Letters of options without a value can stand together: -xy. */
static int take_letters(struct reading *reading, const char *letters)
{
    int r = 0;

    for (bool attached = false; *letters && !attached && r == 0; letters++) {
        const struct option_spec *option = find(reading, NULL, 0, *letters);

        if (!option) {
            problem_set(reading->problem, "unknown option -%c", *letters);
            return -EINVAL;
        }
        attached = option->argument && letters[1];
        r = take_value(reading, option, attached ? letters + 1 : NULL);
    }
    return r;
}

static int take_operand(struct reading *reading, const char *word)
{
    struct arguments *arguments = reading->arguments;

    if (arguments->operand_count == ARGUMENTS_OPERAND_LIMIT) {
        problem_set(reading->problem, "unexpected argument '%.100s'", word);
        return -EINVAL;
    }
    arguments->operands[arguments->operand_count++] = word;
    return 0;
}

int arguments_parse(struct arguments *arguments, int count, const char *const *words,
                    const struct option_spec *own, const struct option_spec *common,
                    bool only_leading, struct problem *ret_problem)
{
    struct reading reading = {
        .arguments = arguments,
        .words = words,
        .count = count,
        .own = own,
        .common = common,
        .problem = ret_problem,
    };
    bool operands_only = false;
    int r = 0;

    while (reading.at < count && r == 0) {
        const char *word = words[reading.at];
        bool is_option = !operands_only && word[0] == '-' && word[1];

        if (!is_option && only_leading) {
            break;
        }
        reading.at++;
        if (!is_option) {
            r = take_operand(&reading, word);
        } else if (strcmp(word, "--") == 0) {
            operands_only = true;
        } else {
            r = word[1] == '-' ? take_long(&reading, word + 2) : take_letters(&reading, word + 1);
        }
    }
    return r < 0 ? r : reading.at;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->option_count; i++) {
        if (strcmp(arguments->options[i].name, name) == 0) {
            return arguments->options[i].value;
        }
    }
    return NULL;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    return arguments_value(arguments, name) != NULL;
}

int arguments_number(const struct arguments *arguments, const char *name, int64_t least,
                     int64_t *ret_number, struct problem *ret_problem)
{
    const char *value = arguments_value(arguments, name);
    int64_t number;

    if (!value) {
        return 0;
    }
    if (text_to_number(value, &number) < 0 || number < least) {
        problem_set(ret_problem, "--%s: expected a whole number of at least %lld, not '%.100s'",
                    name, (long long)least, value);
        return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

int arguments_duration(const struct arguments *arguments, const char *name, int64_t *ret_ms,
                       struct problem *ret_problem)
{
    const char *value = arguments_value(arguments, name);

    if (value && quantity_duration(value, ret_ms) < 0) {
        problem_set(ret_problem,
                    "--%s: expected a duration such as 30s, 10m, 1h or 2d, not '%.100s'", name,
                    value);
        return -EINVAL;
    }
    return 0;
}

int arguments_choice(const struct arguments *arguments, const char *name, const char *choices,
                     struct problem *ret_problem)
{
    const char *value = arguments_value(arguments, name);
    const char *at = choices;

    while (value && *at) {
        size_t length = strcspn(at, "|");

        if (strlen(value) == length && strncmp(value, at, length) == 0) {
            return 0;
        }
        at += length + (at[length] == '|');
    }
    if (!value) {
        return 0;
    }
    problem_set(ret_problem, "--%s: expected %s, not '%.100s'", name, choices, value);
    return -EINVAL;
}
