/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floating-point work with -lm, with running values in registers across the start of the region.
 * Which of libm's variants runs depends on the machine, so the last digits may, too.
 */
#include <math.h>
#include <stdio.h>

#include "region.h"

enum { SIZE = 64 };

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static double trace_of_product(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    double trace = 0;
    for (int i = 0; i < SIZE; i++)
        trace += c[i][i];
    return trace;
}

int main(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = sin(i + 2.0 * j);
            b[i][j] = exp(-0.01 * i * j);
        }
    printf("sse: trace %.15g\n", trace_of_product());

    double sum = 0;
    float product = 1;
    for (int i = 1; i <= 2000; i++) {
        sum += pow(i, 1.0 / 3) * cos(sum) + log1p(i);
        product *= 1 + sqrtf((float)i) * 1e-5F;
        if (i == 1000)
            region_start();
    }
    printf("sum %.15g, product %.8g\n", sum, (double)product);
    printf("trace %.15g, erf %.15g, gamma %.15g, fma %.15g\n", trace_of_product(), erf(0.3),
           tgamma(4.5), fma(1.1, 2.2, 3.3));
    return 0;
}
