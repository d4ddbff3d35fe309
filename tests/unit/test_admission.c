/* The responder's bounds: connections per address and in all, and things per second. */
#include "core/admission.h"
#include "core/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t FIRST4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 7 }, SECOND4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 8 };
static const uint8_t FIRST6[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, [15] = 1 };
static const uint8_t SAME64[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0xff, [15] = 9 };
static const uint8_t OTHER64[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, [15] = 1 };

static struct origin *enter(struct admission *admission, const uint8_t *address, enum refusal expected)
{
	enum refusal refusal;
	struct origin *origin = admission_enter(admission, address, &refusal);

	assert_int_equal(refusal, expected);
	assert_int_equal(origin != NULL, expected == ADMITTED);
	return origin;
}

static void an_address_has_its_share(void **state)
{
	struct admission *admission = admission_new(5, 2);
	struct origin *first;

	(void)state;
	first = enter(admission, FIRST4, ADMITTED);
	assert_ptr_equal(enter(admission, FIRST4, ADMITTED), first);
	enter(admission, FIRST4, REFUSED_ADDRESS_FULL);
	enter(admission, SECOND4, ADMITTED);
	enter(admission, FIRST6, ADMITTED);
	enter(admission, SAME64, ADMITTED);
	enter(admission, SAME64, REFUSED_ADDRESS_FULL);
	enter(admission, OTHER64, REFUSED_FULL);
	admission_leave(admission, first, false);
	enter(admission, OTHER64, ADMITTED);
	enter(admission, FIRST4, REFUSED_FULL);
	admission_free(admission);
}

/* What is remembered takes no place from what is open, and keeps its origin. */
static void the_ended_are_counted_apart(void **state)
{
	struct admission *admission = admission_new(4, 1);
	struct origin *origin = enter(admission, FIRST4, ADMITTED);

	(void)state;
	admission_leave(admission, origin, true);
	assert_int_equal(origin->ended, 1);
	assert_int_equal(origin->open, 0);
	assert_ptr_equal(enter(admission, FIRST4, ADMITTED), origin);
	admission_forget(admission, origin);
	assert_int_equal(origin->ended, 0);
	admission_leave(admission, origin, true);
	admission_forget(admission, origin); /* the last: ASan tells where it is not freed */
	enter(admission, FIRST4, ADMITTED);
	admission_free(admission);
}

/* Many addresses come and go; the model is an array. */
static void counts_stay_right(void **state)
{
	enum { ADDRESSES = 40, SHARE = 5, ALL = 100 };
	struct admission *admission = admission_new(ALL, SHARE);
	struct origin *held[ADDRESSES][SHARE] = { 0 };
	int open[ADDRESSES] = { 0 }, all = 0;
	unsigned short seed[3] = { 1, 2, 3 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int which = (int)(nrand48(seed) % ADDRESSES);
		uint8_t address[16] = { [10] = 0xff, 0xff, 198, 51, 100, (uint8_t)which };

		if (nrand48(seed) % 5 < 3) {
			struct origin *origin = enter(admission, address, open[which] == SHARE ? REFUSED_ADDRESS_FULL :
									  all == ALL	       ? REFUSED_FULL :
												 ADMITTED);
			if (origin) {
				held[which][open[which]++] = origin;
				all++;
			}
		} else if (open[which] > 0) {
			admission_leave(admission, held[which][--open[which]], false);
			all--;
		}
	}
	admission_free(admission);
}

static void a_bucket_refills(void **state)
{
	struct bucket bucket = bucket_of(10, 3, 100);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(bucket_take(&bucket, 100));
	assert_false(bucket_take(&bucket, 100));
	assert_false(bucket_take(&bucket, 100.09));
	assert_true(bucket_take(&bucket, 100.11));
	assert_false(bucket_take(&bucket, 100.11));
	for (int i = 0; i < 3; i++) /* no more than it holds */
		assert_true(bucket_take(&bucket, 200));
	assert_false(bucket_take(&bucket, 200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_its_share),
		cmocka_unit_test(the_ended_are_counted_apart),
		cmocka_unit_test(counts_stay_right),
		cmocka_unit_test(a_bucket_refills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
