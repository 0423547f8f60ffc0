// A fault that a schema finds in a value, as plain JSON: an issue of zod without its English sentence (`words/en/schema.ts`).

import { z } from 'zod';

/** A fault: the value has the wrong type, is not a known choice, exceeds a bound, has the wrong format, or is unfit in another way. */
export type SchemaFault =
  | { readonly kind: 'type'; readonly expected: string; readonly received: string }
  | { readonly kind: 'choice'; readonly known: readonly string[] }
  | {
      readonly kind: 'big' | 'small';
      /** The kind of value that has the bound: `string`, `array`, `number`. */
      readonly of: string;
      readonly bound: number;
      /** True if the bound itself is allowed. */
      readonly isInclusive: boolean;
    }
  | { readonly kind: 'format'; readonly format: string }
  | { readonly kind: 'other' };

/** Options for parsing, with which an issue names the type that it found. */
export const WITH_INPUT = { reportInput: true } as const;

const typeOf = (value: unknown): string => (Number.isNaN(value) ? 'NaN' : z.core.util.parsedType(value));

/** The fault in an issue. */
export function faultOf(issue: z.core.$ZodIssue): SchemaFault {
  switch (issue.code) {
    case 'invalid_type':
      return { kind: 'type', expected: issue.expected, received: typeOf(issue.input) };
    case 'invalid_value':
      return { kind: 'choice', known: issue.values.map((value) => z.core.util.stringifyPrimitive(value)) };
    case 'too_big':
      return { kind: 'big', of: issue.origin, bound: Number(issue.maximum), isInclusive: issue.inclusive === true };
    case 'too_small':
      return { kind: 'small', of: issue.origin, bound: Number(issue.minimum), isInclusive: issue.inclusive === true };
    case 'invalid_format':
      return { kind: 'format', format: issue.format };
    default:
      return { kind: 'other' };
  }
}
