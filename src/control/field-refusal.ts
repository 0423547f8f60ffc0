// A refusal of the region that lists problems by field, as lines for a person: each names its field.

import { z } from 'zod';

/** How much of a refusal is shown. */
const REFUSAL_CHARACTERS_MAX = 1000;

/** The field that holds the parameters of a power driver; its problems name the parameter. */
const POWER_FIELD = 'power_parameters';
/** The beginning of a problem that names its parameter, or the whole key of its field: `power_on_uri: `, `boot.release: `. */
const NAMED = /^([\w.-]{1,200}): /;

const problemsShape = z.record(z.string(), z.array(z.string()));

/** The text of a refusal: one line for each problem, after the name of its field unless it names itself, if it lists them by field, else unchanged; not more than a person reads. */
export function refusalLines(answer: string, charactersMax = REFUSAL_CHARACTERS_MAX): string {
  return linesOf(answer.trim()).slice(0, charactersMax);
}

/** True for a problem that says what it is about, so the name of its field before it would be noise. */
function namesItself(field: string, problem: string): boolean {
  const key = NAMED.exec(problem)?.[1];
  return key !== undefined && (field === POWER_FIELD || key === field || key.endsWith(`.${field}`));
}

function linesOf(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const problems = Object.entries(problemsShape.parse(JSON.parse(text)));
    return problems
      .flatMap(([field, said]) =>
        said.map((problem) => (namesItself(field, problem) ? problem : `${field}: ${problem}`)),
      )
      .join('\n');
  } catch {
    // JSON of any other form is shown unchanged.
    return text;
  }
}
