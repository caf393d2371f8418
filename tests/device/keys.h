#pragma once
/*
 * keys - RSA-2048 keys by number, always the same and all distinct, for thousands of phones at once.
 *
 * Making a key takes a tenth of a second, and a fleet has thousands: so only primes are made, some hundred of
 * 1024 bits, and kept in a file beside the program; key n is the n-th pair of them.  Keys that share a prime
 * are worth nothing, and nothing is what they protect here.
 */
#include <openssl/evp.h>

#define KEYS_MAX	100000

/* The caller frees it.  For any thread. */
EVP_PKEY *keys_number(int n);

/* Makes the primes for n keys now, with both hands; says so on stderr when it takes a while. */
void keys_prepare(int n);
