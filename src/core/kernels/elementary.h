#pragma once
/* exp and erf of a float, written so that the compiler makes vectors of them: no branch, no call. */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(x) to 2 units in the last place; 0 below -87.3, where the result would be denormal, and a large number
 * instead of infinity from 88.3 on. A NaN stays one. By x = k ln 2 + r with |r| <= ln 2 / 2, and Taylor's
 * series of exp(r). */
static inline float elementary_exp(float x)
{
    const float low = -87.3f, high = 88.3f, magic = 12582912.0f; /* 1.5 * 2^23: rounds to whole numbers */
    float bounded = x > high ? high : x;
    bounded = bounded < low ? low : bounded;
    float k = (bounded * 1.44269504f + magic) - magic;
    float r = bounded - k * 0.693359375f + k * 2.12194440e-4f, p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1;
    int32_t bits = ((int32_t)(k == k ? k : 0) + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return x < low ? 0 : p * power;
}

/* 1 / (1 + exp(-x)) */
static inline float elementary_sigmoid(float x)
{
    float e = elementary_exp(-fabsf(x)), larger = 1 / (1 + e);
    return x < 0 ? e * larger : larger;
}

/* erf(x) to 5e-7: x times a ratio of polynomials in x^2, fitted on [-4, 4], beyond which it is 1 or -1 in
 * float. A NaN stays one. */
static inline float elementary_erf(float x)
{
    float b = x > 4 ? 4 : x;
    b = b < -4 ? -4 : b;
    float t = b * b, p = 1.98571092e-06f, q = 3.74807678e-05f;
    p = p * t + 0.000285894959f;
    p = p * t + 0.003921289f;
    p = p * t + 0.0532144569f;
    p = p * t + 0.194366619f;
    p = p * t + 1.12837911f;
    q = q * t + 0.00119579386f;
    q = q * t + 0.0152805829f;
    q = q * t + 0.115694128f;
    q = q * t + 0.505584836f;
    q = q * t + 1;
    float y = b * (p / q);
    y = y > 1 ? 1 : y;
    return y < -1 ? -1 : y;
}
