#include "core/loss.h"

#include <math.h>

/* How likely it may be, at most, that what looks like a death was lost packets. A run asks the question a few dozen
 * times. */
static const double FALSE_ALARM = 1e-8;
/* Likewise that probes went unanswered at idle times that others outlived, only because they were lost. */
static const double FALSE_CONTRADICTION = 1e-2;

struct loss loss_estimate(const struct ledger *ledger, double since)
{
	const double prior_strength = 20;
	int answered, lost, answered_lately, lost_lately;

	ledger_loss(ledger, 0, &answered, &lost);
	ledger_loss(ledger, since, &answered_lately, &lost_lately);
	return (struct loss){
		.lost = prior_strength * (lost + 0.5) / (answered + lost + 5) + lost_lately,
		.all = prior_strength + answered_lately + lost_lately,
	};
}

/* How many probes must all go unanswered, until their all being lost is less likely than FALSE_ALARM. The chance of k
 * losses in a row is the k-th moment of the distribution. */
double loss_silences_for_proof(struct loss loss)
{
	double chance = 1;
	int needed = 0;

	while (chance > FALSE_ALARM && needed < MOST_WEIGHT) {
		chance *= (loss.lost + needed) / (loss.all + needed);
		needed++;
	}
	return needed;
}

/* The chance that of `of` probes `count` or more are lost (beta-binomial). */
static double chance_of_losses(struct loss loss, int count, int of)
{
	double a = loss.lost, b = loss.all - loss.lost, chance = 0;

	for (int k = count; k <= of; k++)
		chance += exp(lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) + lgamma(k + a) + lgamma(of - k + b) -
			      lgamma(of + a + b) + lgamma(a + b) - lgamma(a) - lgamma(b));
	return chance;
}

bool loss_cannot_explain(struct loss loss, int count, int of)
{
	return chance_of_losses(loss, count, of) < FALSE_CONTRADICTION;
}
