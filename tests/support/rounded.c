#include "support/rounded.h"

#include <float.h>
#include <math.h>

float rounded(float value)
{
    int exponent;
    if (!isfinite(value) || value == 0)
        return value;
    double mantissa = frexp((double)value, &exponent); /* 0.5 <= |mantissa| < 1 */
    double result = ldexp(nearbyint(ldexp(mantissa, 8)), exponent - 8);
    return fabs(result) > (double)FLT_MAX ? copysignf(INFINITY, value) : (float)result;
}

void round_all(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = rounded(values[i]);
}
