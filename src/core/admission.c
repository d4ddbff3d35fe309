#include "core/admission.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct admission {
	void *origins; /* a tree, tsearch(3): balanced, so that nobody's choice of addresses makes it slow */
	int open, in_all, per_address;
};

static int by_prefix(const void *a, const void *b)
{
	return memcmp(((const struct origin *)a)->prefix, ((const struct origin *)b)->prefix, 16);
}

static void take_prefix(uint8_t prefix[16], const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(prefix, address, 16);
	if (memcmp(address, mapped, sizeof mapped) != 0)
		memset(prefix + 8, 0, 8);
}

struct admission *admission_new(int in_all, int per_address)
{
	struct admission *admission = malloc(sizeof *admission);

	if (admission)
		*admission = (struct admission){ .in_all = in_all, .per_address = per_address };
	return admission;
}

void admission_free(struct admission *admission)
{
	if (!admission)
		return;
	tdestroy(admission->origins, free);
	free(admission);
}

static void drop_if_empty(struct admission *admission, struct origin *origin)
{
	if (origin->open > 0 || origin->ended > 0)
		return;
	tdelete(origin, &admission->origins, by_prefix);
	free(origin);
}

/* The origin of a prefix, made where there is none yet. */
static struct origin *find_or_make(struct admission *admission, const uint8_t address[16])
{
	struct origin key = { .open = 0 };

	take_prefix(key.prefix, address);
	struct origin **found = tfind(&key, &admission->origins, by_prefix);

	if (found)
		return *found;
	struct origin *origin = malloc(sizeof *origin);

	if (!origin)
		return NULL;
	*origin = key;
	if (!tsearch(origin, &admission->origins, by_prefix)) {
		free(origin);
		return NULL;
	}
	return origin;
}

struct origin *admission_enter(struct admission *admission, const uint8_t address[16], enum refusal *refusal)
{
	struct origin *origin = find_or_make(admission, address);

	if (!origin) {
		*refusal = REFUSED_NO_MEMORY;
		return NULL;
	}
	*refusal = origin->open >= admission->per_address ? REFUSED_ADDRESS_FULL :
		   admission->open >= admission->in_all	  ? REFUSED_FULL :
							    ADMITTED;
	if (*refusal != ADMITTED) {
		drop_if_empty(admission, origin);
		return NULL;
	}
	origin->open++;
	admission->open++;
	return origin;
}

void admission_leave(struct admission *admission, struct origin *origin, bool remembered)
{
	admission->open--;
	origin->open--;
	origin->ended += remembered;
	drop_if_empty(admission, origin);
}

void admission_forget(struct admission *admission, struct origin *origin)
{
	origin->ended--;
	drop_if_empty(admission, origin);
}
