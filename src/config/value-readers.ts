// Readers of single values of the configuration file, by which its schema is built.

import { z } from 'zod';

/** A string that `parse` understands; anything else is the problem `expected`. */
export function textual<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.string({ error: `expected ${expected}` }).transform((text, context): T => {
    const value = parse(text.trim());
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `expected ${expected}, found "${text}"`, input: text });
    return z.NEVER;
  });
}

/** A mapping with names that people choose. `__proto__` is none: zod would pass over it in silence. */
export function named<T extends z.ZodType>(mapping: T) {
  return z.preprocess((value, context) => {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
      const message = 'no key may be called so; remove it';
      context.issues.push({ code: 'custom', message, input: value, path: ['__proto__'] });
    }
    return value;
  }, mapping);
}
