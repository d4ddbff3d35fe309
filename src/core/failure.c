#include "core/failure.h"

#include <stdarg.h>
#include <stdio.h>

int fail(struct failure *failure, enum exit_code code, const char *format, ...)
{
	va_list arguments;

	failure->code = code;
	va_start(arguments, format);
	vsnprintf(failure->text, sizeof failure->text, format, arguments);
	va_end(arguments);
	return -1;
}
