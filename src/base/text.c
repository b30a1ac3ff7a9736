#include "assent/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR   (60 * MS_PER_MINUTE)
#define MS_PER_DAY    (24 * MS_PER_HOUR)

/* --- hexadecimal and decimal numbers ---------------------------------------------------------- */

void text_to_hex(const void *bytes, size_t length, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++) {
        *ret_text++ = digits[byte[i] >> 4];
        *ret_text++ = digits[byte[i] & 15];
    }
    *ret_text = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

int text_from_hex(const char *text, size_t text_length, void *ret_bytes, size_t length)
{
    if (text_length % 2 != 0 || text_length / 2 != length) {
        return -EINVAL;
    }
    for (size_t i = 0; i < text_length; i++) {
        if (hex_value(text[i]) < 0) {
            return -EINVAL;
        }
    }
    unsigned char *byte = ret_bytes;
    for (size_t i = 0; i < length; i++) {
        byte[i] = (unsigned char)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    }
    return 0;
}

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

int text_to_number(const char *text, int64_t *ret_number)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return -EINVAL;
    }
    int64_t number = 0;
    for (; *text != '\0'; text++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *text - '0', &number)) {
            return -ERANGE;
        }
    }
    *ret_number = number;
    return 0;
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

/* The length of the character at the front of `left` bytes, or 0 if it is no valid UTF-8. */
static size_t utf8_character(const unsigned char *bytes, size_t left, uint32_t *ret_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80             ? 1
                    : (bytes[0] & 0xe0) == 0xc0 ? 2
                    : (bytes[0] & 0xf0) == 0xe0 ? 3
                    : (bytes[0] & 0xf8) == 0xf0 ? 4
                                                : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < smallest[length] || point > 0x10ffff || surrogate) {
        return 0;
    }
    *ret_point = point;
    return length;
}

size_t text_characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

bool text_is_utf8(const void *bytes, size_t length)
{
    const unsigned char *next = bytes;
    while (length > 0) {
        uint32_t point;
        size_t taken = utf8_character(next, length, &point);
        if (taken == 0) {
            return false;
        }
        next += taken;
        length -= taken;
    }
    return true;
}

void text_repair(char *text)
{
    unsigned char *next = (unsigned char *)text;
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t point;
        size_t taken = utf8_character(next, left, &point);
        if (taken == 0) {
            *next = '?';
            taken = 1;
        }
        next += taken;
        left -= taken;
    }
}

/* Characters that a terminal obeys, that break a line, or that make a text look like another one
 * by reordering it or by being invisible. The joiners U+200C and U+200D are not among them: whole
 * languages need them. */
static bool needs_escape(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},     {'\\', '\\'},     {0x7f, 0x9f},       {0xad, 0xad},     {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200b}, {0x200e, 0x200f},   {0x2028, 0x202e}, {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && point >= ranges[i].first; i++) {
        if (point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static int append_escape(struct buffer *out, uint32_t point)
{
    switch (point) {
    case '\n':
        return buffer_append_text(out, "\\n");
    case '\t':
        return buffer_append_text(out, "\\t");
    case '\\':
        return buffer_append_text(out, "\\\\");
    default:
        return point < 0x80 ? buffer_append_format(out, "\\x%02x", (unsigned)point)
                            : buffer_append_format(out, "\\u{%04x}", (unsigned)point);
    }
}

int text_append_escaped(struct buffer *out, const void *bytes, size_t length)
{
    const unsigned char *next = bytes;
    size_t before = out->length;
    size_t safe = 0; /* bytes behind `next` that can be copied as they are */
    int r = 0;

    while (r == 0 && safe < length) {
        uint32_t point;
        size_t taken = utf8_character(next + safe, length - safe, &point);
        if (taken > 0 && !needs_escape(point)) {
            safe += taken;
            continue;
        }
        r = buffer_append(out, next, safe);
        if (r == 0) {
            r = taken > 0 ? append_escape(out, point)
                          : buffer_append_format(out, "\\x%02x", next[safe]);
        }
        size_t done = safe + (taken > 0 ? taken : 1);
        next += done;
        length -= done;
        safe = 0;
    }
    if (r == 0) {
        r = buffer_append(out, next, safe);
    }
    if (r < 0) {
        out->length = before;
    }
    return r;
}

/* --- time ------------------------------------------------------------------------------------- */

/* The C library's own conversions open the time zone's file, even for UTC, which not every role may
 * do. These two count in years that begin in March, so that a leap day is a year's last
 * (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_from_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *ret_month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

/* Writes the number's last `count` digits, and returns the place behind them. */
static char *put_digits(char *place, unsigned number, int count)
{
    for (int i = count - 1; i >= 0; i--, number /= 10) {
        place[i] = (char)('0' + number % 10);
    }
    return place + count;
}

/* Every line and every row has times: so they are written without a format. */
static void put_time(char *text, unsigned year, unsigned month, unsigned day, unsigned rest)
{
    static const char between[] = "--T::.Z";
    const struct {
        unsigned number;
        int digits;
    } parts[] = {{year, 4},
                 {month, 2},
                 {day, 2},
                 {rest / 3600000, 2},
                 {rest / 60000 % 60, 2},
                 {rest / 1000 % 60, 2},
                 {rest % 1000, 3}};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        text = put_digits(text, parts[i].number, parts[i].digits);
        *text++ = between[i];
    }
    *text = '\0';
}

void text_from_time(int64_t time_ms, char ret_text[TEXT_TIME_SIZE])
{
    int64_t days = time_ms / MS_PER_DAY - (time_ms % MS_PER_DAY < 0);
    unsigned rest = (unsigned)((time_ms % MS_PER_DAY + MS_PER_DAY) % MS_PER_DAY);
    int64_t year;
    int month, day;
    date_from_days(days, &year, &month, &day);
    if (year >= 0 && year <= 9999) {
        put_time(ret_text, (unsigned)year, (unsigned)month, (unsigned)day, rest);
        return;
    }
    snprintf(ret_text, TEXT_TIME_SIZE, "%04lld-%02d-%02dT%02u:%02u:%02u.%03uZ", (long long)year,
             month, day, rest / 3600000, rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
}

/* Reads exactly `count` digits and goes behind them. Returns the number, or -1. */
static int take_digits(const char **text, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit((*text)[i])) {
            return -1;
        }
        number = number * 10 + ((*text)[i] - '0');
    }
    *text += count;
    return number;
}

/* Goes behind one of the characters in `any`. */
static bool take_one_of(const char **text, const char *any)
{
    if (**text == '\0' || !strchr(any, **text)) {
        return false;
    }
    (*text)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(const char **text, int64_t *ret_days)
{
    int year = take_digits(text, 4);
    if (year < 0 || !take_one_of(text, "-")) {
        return false;
    }
    int month = take_digits(text, 2);
    if (month < 1 || month > 12 || !take_one_of(text, "-")) {
        return false;
    }
    int day = take_digits(text, 2);
    if (day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *ret_days = days_from_date(year, month, day);
    return true;
}

/* What is finer than a millisecond is cut. */
static bool take_fraction(const char **text, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (!take_one_of(text, ".")) {
        return true;
    }
    if (!is_digit(**text)) {
        return false;
    }
    for (int64_t unit = 100; is_digit(**text); unit /= 10, (*text)++) {
        *ret_ms += unit * (**text - '0');
    }
    return true;
}

static bool take_hours_and_minutes(const char **text, int64_t *ret_ms)
{
    int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take_one_of(text, ":")) {
        return false;
    }
    int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59) {
        return false;
    }
    *ret_ms = hours * MS_PER_HOUR + minutes * MS_PER_MINUTE;
    return true;
}

static bool take_clock(const char **text, int64_t *ret_ms)
{
    int64_t fraction;
    if (!take_hours_and_minutes(text, ret_ms) || !take_one_of(text, ":")) {
        return false;
    }
    int seconds = take_digits(text, 2);
    /* 60 is a leap second. */
    if (seconds < 0 || seconds > 60 || !take_fraction(text, &fraction)) {
        return false;
    }
    *ret_ms += seconds * MS_PER_SECOND + fraction;
    return true;
}

static bool take_offset(const char **text, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (take_one_of(text, "Zz")) {
        return true;
    }
    int sign = **text == '-' ? -1 : 1;
    if (!take_one_of(text, "+-") || !take_hours_and_minutes(text, ret_ms)) {
        return false;
    }
    *ret_ms *= sign;
    return true;
}

int text_to_time(const char *text, int64_t *ret_time_ms)
{
    int64_t days, clock, offset;
    if (!take_date(&text, &days) || !take_one_of(&text, "Tt ") || !take_clock(&text, &clock) ||
        !take_offset(&text, &offset) || *text != '\0') {
        return -EINVAL;
    }
    *ret_time_ms = days * MS_PER_DAY + clock - offset;
    return 0;
}

void text_from_span(int64_t span_ms, char ret_text[TEXT_SPAN_SIZE])
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{MS_PER_DAY, "d"}, {MS_PER_HOUR, "h"}, {MS_PER_MINUTE, "m"}, {MS_PER_SECOND, "s"}};
    const size_t count = sizeof units / sizeof units[0];

    if (span_ms < MS_PER_SECOND) {
        snprintf(ret_text, TEXT_SPAN_SIZE, "%dms", span_ms < 0 ? 0 : (int)span_ms);
        return;
    }
    size_t i = 0;
    while (span_ms < units[i].ms) {
        i++;
    }
    long long whole = span_ms / units[i].ms;
    unsigned part = i + 1 < count ? (unsigned)(span_ms % units[i].ms / units[i + 1].ms) : 0;
    if (part > 0) {
        snprintf(ret_text, TEXT_SPAN_SIZE, "%lld%s%u%s", whole, units[i].name, part,
                 units[i + 1].name);
    } else {
        snprintf(ret_text, TEXT_SPAN_SIZE, "%lld%s", whole, units[i].name);
    }
}
