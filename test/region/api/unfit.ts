// Texts that the schemas of the API's parameters refuse.

import type { Operation } from '../../../src/region/api/call/operation.ts';

/** Texts that parameters refuse, the short ones first; the last is longer than any text but a file. */
const UNFIT = [
  '\u0001',
  '-1',
  'x'.repeat(40),
  'x'.repeat(400),
  'x'.repeat(5000),
  'x'.repeat(25_000),
  'x'.repeat(1_100_000),
];

/** For each parameter of an operation a text that its schema refuses. */
export function unfitFields(operation: Operation): Readonly<Record<string, string>> {
  const found = Object.entries(operation.parameters).map(([name, schema]) => {
    const text = UNFIT.find((one) => schema.safeParse([one]).success === false);
    return text === undefined ? [] : [[name, text] as const];
  });
  return Object.fromEntries(found.flat());
}
