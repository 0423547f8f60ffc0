// A refusal of the region that lists problems by field, as lines for a person.

import { z } from 'zod';

const problemsShape = z.record(z.string(), z.array(z.string()));

/** The text of a refusal: one line for each problem if it lists them by field, else unchanged. */
export function refusalLines(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    return Object.values(problemsShape.parse(JSON.parse(text)))
      .flat()
      .join('\n');
  } catch {
    // JSON of any other form is shown unchanged.
    return text;
  }
}
