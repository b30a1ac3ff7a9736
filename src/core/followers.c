#include "assent/core/followers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assent/base/json.h"
#include "assent/core/links.h"
#include "assent/core/record.h"

#define TYPE             "text/event-stream"
#define BEAT             ":\n\n"
#define BEAT_ACCURACY_US 1000000u
#define RETRY_AFTER      30
/* A power of two; ids are counted up, so their low bits alone spread them evenly. */
#define BUCKETS 1024
/* A piece has so many events at most, and no more once it has so many bytes. */
#define PIECE_EVENTS 64
#define PIECE_BYTES  ((size_t)32 << 10)
/* Different pieces that one commit makes: what else has come waits meanwhile. */
#define PIECES_AT_ONCE 64

struct follower {
    struct follower *next; /* in its bucket */
    struct asker asker;
    struct access access;
    int64_t position; /* told up to this sequence */
    bool ready;
    bool ending; /* as soon as it is ready */
};

struct followers {
    struct follower *buckets[BUCKETS];
    size_t count;
    int64_t newest; /* when those who are ready were told last */
    bool wanted;    /* somebody may have to be told something older than that */
    bool blocked;   /* somebody whose gate had no room */
    sd_event_source *beat;
};

/* --- who there is ----------------------------------------------------------------------------- */

static struct follower **place_of(struct followers *followers, const struct asker *asker)
{
    struct follower **place = &followers->buckets[asker->id % BUCKETS];

    while (*place && ((*place)->asker.id != asker->id || (*place)->asker.link != asker->link)) {
        place = &(*place)->next;
    }
    return place;
}

static void remove_at(struct followers *followers, struct follower **place)
{
    struct follower *follower = *place;

    *place = follower->next;
    followers->count--;
    free(follower);
}

/* Calls for everybody; true from `visit` takes it out. */
static void visit_all(struct followers *followers,
                      bool (*visit)(struct follower *follower, void *userdata), void *userdata)
{
    for (size_t i = 0; i < BUCKETS && followers->count > 0; i++) {
        struct follower **place = &followers->buckets[i];

        while (*place) {
            if (visit(*place, userdata)) {
                remove_at(followers, place);
            } else {
                place = &(*place)->next;
            }
        }
    }
}

/* Several of one gate. */
struct group {
    struct follower **members;
    size_t count;
};

static void send_group(const struct group *group, const struct buffer *bytes)
{
    struct answer_ids ids = {.count = group->count};

    ids.ids = calloc(group->count, sizeof *ids.ids);
    core_must(ids.ids ? 0 : -ENOMEM, "stream");
    for (size_t i = 0; i < group->count; i++) {
        ids.ids[i] = group->members[i]->asker.id;
        group->members[i]->ready = false;
    }
    answer_stream_on(group->members[0]->asker.link, &ids, bytes);
    free(ids.ids);
}

static void end_one(const struct asker *asker)
{
    uint64_t id = asker->id;
    const struct answer_ids ids = {.ids = &id, .count = 1};

    answer_stream_on(asker->link, &ids, &(struct buffer){0});
}

/* --- what they are told ----------------------------------------------------------------------- */

static void append_event(struct buffer *piece, const struct store_event *event)
{
    json_t *record = record_event(event);
    char *data = record ? json_text(record) : NULL;

    core_must(data ? buffer_append_format(piece, "id: %lld\nevent: %s\ndata: ",
                                          (long long)event->sequence, event->kind)
                   : -ENOMEM,
              "stream");
    core_must(buffer_append_text(piece, data), "stream");
    core_must(buffer_append_text(piece, "\n\n"), "stream");
    free(data);
    json_decref(record);
}

static int add_event(void *userdata, const struct store_event *event)
{
    struct buffer *piece = userdata;

    append_event(piece, event);
    return piece->length >= PIECE_BYTES;
}

/* Returns true if there may be more for them at once: they were all the events of others. */
static bool tell_group(struct core *core, const struct group *group)
{
    const struct follower *first = group->members[0];
    struct buffer piece = {0};
    int64_t reached;

    core_must(store_event_after(core->store, first->position, access_owner(&first->access),
                                PIECE_EVENTS, add_event, &piece, &reached),
              "stream");
    for (size_t i = 0; i < group->count; i++) {
        group->members[i]->position = reached;
    }
    bool more = piece.length == 0 && reached < store_event_newest(core->store);

    if (piece.length > 0) {
        send_group(group, &piece);
    }
    buffer_free(&piece);
    return more;
}

static int compare_owners(const char *left, const char *right)
{
    return !left || !right ? (left != NULL) - (right != NULL) : strcmp(left, right);
}

/* Who is told the same stands side by side; who is farthest behind comes first. */
static int compare(const void *left, const void *right)
{
    const struct follower *a = *(struct follower *const *)left;
    const struct follower *b = *(struct follower *const *)right;

    if (a->position != b->position) {
        return a->position < b->position ? -1 : 1;
    }
    if (a->asker.link != b->asker.link) {
        return a->asker.link < b->asker.link ? -1 : 1;
    }
    return compare_owners(access_owner(&a->access), access_owner(&b->access));
}

struct collection {
    struct group all;
    int64_t newest;
};

static bool collect(struct follower *follower, void *userdata)
{
    struct collection *collection = userdata;

    if (follower->ready && follower->position < collection->newest) {
        collection->all.members[collection->all.count++] = follower;
    }
    return false;
}

static void tell_groups(struct core *core, const struct group *all)
{
    struct followers *followers = core->followers;
    int pieces = 0;

    for (size_t i = 0; i < all->count;) {
        struct group group = {.members = all->members + i, .count = 1};

        while (i + group.count < all->count &&
               compare(&all->members[i], &all->members[i + group.count]) == 0) {
            group.count++;
        }
        i += group.count;
        if (!links_has_room(group.members[0]->asker.link)) {
            followers->blocked = true;
        } else if (++pieces > PIECES_AT_ONCE || tell_group(core, &group)) {
            followers->wanted = true;
        }
    }
}

void followers_tell(struct core *core)
{
    struct followers *followers = core->followers;
    struct collection collection = {.newest = store_event_newest(core->store)};

    if (followers->count == 0 || (!followers->wanted && followers->newest == collection.newest)) {
        return;
    }
    followers->wanted = false;
    followers->newest = collection.newest;
    collection.all.members = calloc(followers->count, sizeof *collection.all.members);
    core_must(collection.all.members ? 0 : -ENOMEM, "stream");
    visit_all(followers, collect, &collection);
    if (collection.all.count > 0) {
        qsort(collection.all.members, collection.all.count, sizeof *collection.all.members,
              compare);
        tell_groups(core, &collection.all);
    }
    free(collection.all.members);
}

bool followers_can_tell(const struct core *core)
{
    return core->followers && core->followers->count > 0 && core->followers->wanted;
}

void followers_have_room(struct core *core)
{
    struct followers *followers = core->followers;

    if (followers->blocked) {
        followers->blocked = false;
        followers->wanted = true;
        core_begin(core);
    }
}

/* --- the beat --------------------------------------------------------------------------------- */

struct beating {
    const struct link *link;
    struct group group;
};

static bool collect_beating(struct follower *follower, void *userdata)
{
    struct beating *beating = userdata;

    if (follower->ready && follower->asker.link == beating->link) {
        beating->group.members[beating->group.count++] = follower;
    }
    return false;
}

static void beat(struct core *core, const struct link *link)
{
    struct beating beating = {.link = link};
    struct buffer comment = {0};

    if (!links_has_room(link)) {
        return;
    }
    beating.group.members = calloc(core->followers->count, sizeof *beating.group.members);
    core_must(beating.group.members ? buffer_append_text(&comment, BEAT) : -ENOMEM, "stream");
    visit_all(core->followers, collect_beating, &beating);
    if (beating.group.count > 0) {
        send_group(&beating.group, &comment);
    }
    free(beating.group.members);
    buffer_free(&comment);
}

static void set_beat(struct followers *followers)
{
    (void)sd_event_source_set_time_relative(followers->beat, FOLLOWERS_BEAT_US);
    (void)sd_event_source_set_enabled(followers->beat, SD_EVENT_ONESHOT);
}

static int on_beat(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    (void)time;
    if (core->followers->count > 0) {
        core_begin(core);
        beat(core, &core->links[ROLE_GATE_CONTROL]);
        beat(core, &core->links[ROLE_GATE_AGENT]);
        set_beat(core->followers);
    }
    return 0;
}

/* --- coming and going ------------------------------------------------------------------------- */

void followers_add(struct core *core, const struct asker *asker, const struct access *access,
                   int64_t after)
{
    struct followers *followers = core->followers;
    struct follower **place = place_of(followers, asker);
    int64_t newest = store_event_newest(core->store);

    if (followers->count >= FOLLOWERS_LIMIT || *place) {
        answer_unavailable(asker, RETRY_AFTER, "too many follow the stream of events");
        return;
    }
    *place = calloc(1, sizeof **place);
    core_must(*place ? 0 : -ENOMEM, "stream");
    **place = (struct follower){
        .asker = *asker,
        .access = *access,
        .position = after < newest ? after : newest,
        .ending = core->quiescing,
    };
    if (followers->count++ == 0) {
        set_beat(followers);
    }
    answer_stream(asker, TYPE, 0);
}

/* One that nobody knows began under an earlier core. */
void followers_taken(struct core *core, const struct asker *asker)
{
    struct follower **place = place_of(core->followers, asker);

    if (!*place || (*place)->ending) {
        end_one(asker);
    }
    if (*place && (*place)->ending) {
        remove_at(core->followers, place);
    } else if (*place) {
        (*place)->ready = true;
        core->followers->wanted =
            core->followers->wanted || (*place)->position < store_event_newest(core->store);
    }
}

void followers_forget(struct core *core, const struct asker *asker)
{
    struct follower **place = place_of(core->followers, asker);

    if (*place) {
        remove_at(core->followers, place);
    }
}

static bool is_of(struct follower *follower, void *link)
{
    return !link || follower->asker.link == link;
}

void followers_forget_all(struct core *core, const struct link *link)
{
    visit_all(core->followers, is_of, (void *)(uintptr_t)link);
}

/* True if it has ended; else it does when it has taken what it was sent. */
static bool begin_to_end(struct follower *follower)
{
    follower->ending = true;
    if (follower->ready) {
        end_one(&follower->asker);
    }
    return follower->ready;
}

static bool end_of(struct follower *follower, void *link)
{
    return follower->asker.link == link && begin_to_end(follower);
}

void followers_end_all(struct core *core, const struct link *link)
{
    visit_all(core->followers, end_of, (void *)(uintptr_t)link);
}

static bool end_unknown(struct follower *follower, void *userdata)
{
    (void)userdata;
    return !access_stands(follower->asker.link, &follower->access) && begin_to_end(follower);
}

void followers_review(struct core *core)
{
    visit_all(core->followers, end_unknown, NULL);
}

size_t followers_count(const struct core *core)
{
    return core->followers->count;
}

int followers_open(struct core *core)
{
    struct followers *followers = calloc(1, sizeof *followers);

    if (!followers) {
        return -ENOMEM;
    }
    int r = sd_event_add_time(core->loop, &followers->beat, CLOCK_MONOTONIC, 0, BEAT_ACCURACY_US,
                              on_beat, core);

    if (r >= 0) {
        r = sd_event_source_set_enabled(followers->beat, SD_EVENT_OFF);
    }
    core->followers = followers;
    return r < 0 ? r : 0;
}

void followers_free(struct core *core)
{
    struct followers *followers = core->followers;

    if (!followers) {
        return;
    }
    visit_all(followers, is_of, NULL);
    sd_event_source_disable_unref(followers->beat);
    free(followers);
    core->followers = NULL;
}
