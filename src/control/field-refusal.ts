// A refusal of the region that lists problems by field, as lines for a person: each names its field.

import { z } from 'zod';

/** How much of a refusal is shown. */
const REFUSAL_CHARACTERS_MAX = 1000;

const problemsShape = z.record(z.string(), z.array(z.string()));

/** The text of a refusal: one line for each problem, after the name of its field, if it lists them by field, else unchanged; not more than a person reads. */
export function refusalLines(answer: string, charactersMax = REFUSAL_CHARACTERS_MAX): string {
  return linesOf(answer.trim()).slice(0, charactersMax);
}

function linesOf(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const problems = Object.entries(problemsShape.parse(JSON.parse(text)));
    return problems.flatMap(([field, said]) => said.map((problem) => `${field}: ${problem}`)).join('\n');
  } catch {
    // JSON of any other form is shown unchanged.
    return text;
  }
}
