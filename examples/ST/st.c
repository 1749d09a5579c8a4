/* SPDX-License-Identifier: BSD-3-Clause */
/* ST, a single-threaded program: counts primes, a thousand numbers a step. Its pinball starts at
 * the fourth call of step(), so its ELFie prints steps 4 to 10 and the sum of all ten. */
#include <stdio.h>

static int is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0)
            return 0;
    return n > 1;
}

__attribute__((noinline)) unsigned step(unsigned number)
{
    unsigned primes = 0;
    for (unsigned n = (number - 1) * 1000; n < number * 1000; n++)
        primes += (unsigned)is_prime(n);
    printf("step %u: %u primes\n", number, primes);
    return primes;
}

int main(void)
{
    unsigned sum = 0;
    for (unsigned number = 1; number <= 10; number++) {
        sum += step(number);
        fflush(stdout);
    }
    printf("%u primes below 10000\n", sum);
    return 0;
}
