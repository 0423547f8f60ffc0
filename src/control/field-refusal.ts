// A refusal of the region that lists problems by field, as lines for a person: each names its field.

import { z } from 'zod';

/** How much of a refusal is shown. */
const REFUSAL_CHARACTERS_MAX = 1000;

/** The field that holds the parameters of a power driver; its problems name the parameter. */
const POWER_FIELD = 'power_parameters';
/**
 * The beginning of a problem that names its parameter, or the whole key of its field:
 * `power_on_uri: `, `cluster_interfaces.eth1.hosts[3].ip: `.
 */
const NAMED = /^([\w.[\]-]{1,200}): /;

/**
 * How a command line gives the fields of a request: `mem` as `--memory`. A field with an empty name
 * is not named, because its problems say what they are about.
 */
export type OptionNames = Readonly<Record<string, string>>;

const problemsShape = z.record(z.string(), z.array(z.string()));

/**
 * The text of a refusal: one line for each problem, after the name of its field unless it names
 * itself, if it lists them by field, else unchanged; not more than a person reads.
 */
export function refusalLines(answer: string, names: OptionNames = {}): string {
  const text = formatFieldLines(answer.trim(), names);
  if (text.length <= REFUSAL_CHARACTERS_MAX) return text;
  // A line cut short would give another reason.
  const end = text.lastIndexOf('\n', REFUSAL_CHARACTERS_MAX);
  return text.slice(0, end > 0 ? end : REFUSAL_CHARACTERS_MAX);
}

/** True for a problem that says what it is about, so the name of its field before it would be noise. */
function namesItself(field: string, problem: string): boolean {
  const key = NAMED.exec(problem)?.[1];
  return key !== undefined && (field === POWER_FIELD || key === field || key.endsWith(`.${field}`));
}

function formatFieldLines(text: string, names: OptionNames): string {
  if (!text.startsWith('{')) return text;
  try {
    const problems = Object.entries(problemsShape.parse(JSON.parse(text)));
    const lines = problems.flatMap(([field, said]) => {
      const name = Object.hasOwn(names, field) ? names[field] : field;
      return said.map((problem) => (namesItself(field, problem) || name === '' ? problem : `${name}: ${problem}`));
    });
    return lines.join('\n');
  } catch {
    // JSON of any other form is shown unchanged.
    return text;
  }
}
