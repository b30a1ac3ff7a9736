#include "assent/config/hook_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"

/* What the kernel takes as one argument, with its NUL. */
#define WORD_LIMIT (128u << 10)

static int render_word(const struct template *template, const json_t *record, char **ret_word,
                       struct problem *ret_problem)
{
    struct buffer word = {0};
    int r = template_render(template, record, &word, ret_problem);

    if (r == 0 && word.length >= WORD_LIMIT) {
        problem_set(ret_problem,
                    "an argument would be %zu bytes long and can be %u at most; standard input has "
                    "all of the record",
                    word.length, WORD_LIMIT - 1);
        r = -E2BIG;
    }
    if (r == 0) {
        *ret_word = buffer_take_text(&word);
        r = *ret_word ? 0 : -ENOMEM;
    }
    buffer_free(&word);
    return r;
}

static int fill_words(char **words, const struct config_hook *hook, const json_t *record,
                      struct problem *ret_problem)
{
    int r = 0;

    for (size_t i = 0; i < hook->words.count && r == 0; i++) {
        r = render_word(hook->words.items[i], record, &words[i], ret_problem);
    }
    return r;
}

static int fill_shell_words(char **words, const char *text)
{
    const char *const shell[] = {"/bin/sh", "-c", text};

    for (size_t i = 0; i < sizeof shell / sizeof shell[0]; i++) {
        words[i] = strdup(shell[i]);
        if (!words[i]) {
            return -ENOMEM;
        }
    }
    return 0;
}

int hook_words_make(const struct config_hook *hook, const json_t *record, char ***ret_words,
                    struct problem *ret_problem)
{
    size_t count = hook->kind == HOOK_SHELL ? 3 : hook->words.count;
    char **words = calloc(count + 1, sizeof *words);
    int r = -ENOMEM;

    if (words) {
        r = hook->kind == HOOK_SHELL ? fill_shell_words(words, hook->shell)
                                     : fill_words(words, hook, record, ret_problem);
    }
    if (r < 0) {
        hook_words_free(words);
        return r;
    }
    *ret_words = words;
    return 0;
}

void hook_words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++) {
        free(words[i]);
    }
    free(words);
}
