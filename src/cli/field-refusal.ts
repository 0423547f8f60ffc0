// A refusal of the region that names problems by field, in lines for a person.

import { z } from 'zod';

const problemsShape = z.record(z.string(), z.array(z.string()));

/** The text of a refusal: a line for each problem of one that lists them by field, any other as it is. */
export function refusalLines(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    return Object.values(problemsShape.parse(JSON.parse(text)))
      .flat()
      .join('\n');
  } catch {
    // JSON of another form says more as it is.
    return text;
  }
}
